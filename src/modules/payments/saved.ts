import { and, eq } from "drizzle-orm"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Event } from "#events.ts"
import { type Id, randomBase32 } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import * as users from "#modules/users/users.ts"
import type { Statement } from "#platform/db.ts"

import { requestOf } from "./asking.ts"
import type { Saved } from "./gateway.ts"
import { gatewayOf } from "./gateways.ts"
import { isGateway, type PaymentMethod, paymentMethods } from "./method.ts"
import { type PaymentRow, record } from "./payments.ts"
import type { MethodSetup, NewSavedMethod, SavedMethod, SavedMethods } from "./saved-model.ts"
import { paymentCustomers } from "./tables.ts"

/** The methods that can be kept and charged again, of those that are set up. */
export function keepers(ctx: Ctx): PaymentMethod[] {
  return paymentMethods.filter((method) => isGateway(method) && gatewayOf(ctx, method)?.saved)
}

/** The caller's payment methods, at every gateway that keeps some. @throws `unauthenticated`, `unavailable` */
export async function list(ctx: Ctx): Promise<SavedMethods> {
  const { id } = requireUser(ctx)
  return { results: await methodsOf(ctx, id) }
}

/**
 * Begins to keep a payment method of the caller; nothing is charged. With an idempotency key the same request begins
 * the same one. @throws `unauthenticated`, `payment-method-unavailable`, `unavailable`
 */
export async function setUp(
  ctx: Ctx,
  { provider, return_url }: NewSavedMethod,
): Promise<MethodSetup> {
  const { id } = requireUser(ctx)
  const saved = gatewayOf(ctx, provider)?.saved
  if (!saved) throw unavailable(ctx, provider)
  const customer = await customerOf(ctx, id, provider, saved)
  const key = `${id}:${ctx.once?.key ?? randomBase32(26)}`
  const answer = await saved.setup({ key, customer, returnUrl: return_url })
  return {
    provider,
    status: answer.status,
    ...(answer.clientSecret !== undefined && { client_secret: answer.clientSecret }),
    ...(answer.redirectUrl !== undefined && { redirect_url: answer.redirectUrl }),
  }
}

/** Has a gateway forget one of the caller's payment methods. @throws `unauthenticated`, `not-found`, `unavailable` */
export async function remove(ctx: Ctx, ref: string): Promise<void> {
  const { id } = requireUser(ctx)
  const method = (await methodsOf(ctx, id)).find((one) => one.id === ref)
  const saved = method && gatewayOf(ctx, method.provider)?.saved
  if (!saved) throw notFound("payment method")
  await saved.detach(ref)
}

/** `payment-method-unavailable`, naming those that are kept. */
export function unavailable(ctx: Ctx, provider: string): DomainError {
  const offered = keepers(ctx)
  const detail =
    offered.length > 0
      ? `${provider} keeps no payment methods: choose one of ${offered.join(", ")}.`
      : "Payment methods are not kept now."
  return new DomainError("payment-method-unavailable", detail, {
    offered,
    errors: [{ field: "provider", detail, code: "payment-method-unavailable" }],
  })
}

/** What a gateway keeps of an account; nothing where there is no such gateway, or it does not know them. */
export async function methodsAt(
  ctx: Ctx,
  userId: Id<"user">,
  provider: PaymentMethod,
): Promise<SavedMethod[]> {
  return (await methodsOf(ctx, userId)).filter((method) => method.provider === provider)
}

async function methodsOf(ctx: Ctx, userId: Id<"user">): Promise<SavedMethod[]> {
  const customers = await ctx.db
    .select()
    .from(paymentCustomers)
    .where(eq(paymentCustomers.userId, userId))
  const lists = await Promise.all(
    customers.map(async ({ provider, ref }) => {
      const made = (await gatewayOf(ctx, provider)?.saved?.methods(ref)) ?? []
      return made.map(({ ref: id, kind, brand, last4, expires }): SavedMethod => ({
        id,
        provider,
        kind,
        brand,
        last4,
        expires,
      }))
    }),
  )
  return lists.flat()
}

/** The gateway's customer that an account is, made with the first method. Of two at once there is one: its key is the account. */
async function customerOf(
  ctx: Ctx,
  userId: Id<"user">,
  provider: PaymentMethod,
  saved: Saved,
): Promise<string> {
  const known = await findCustomer(ctx, userId, provider)
  if (known !== undefined) return known
  const user = await users.find(ctx, userId)
  if (!user) throw new DomainError("unauthenticated")
  const ref = await saved.customer(userId, user.email)
  await ctx.db
    .insert(paymentCustomers)
    .values({ userId, provider, ref, createdAt: iso(ctx.now) })
    .onConflictDoNothing()
  return ref
}

async function findCustomer(ctx: Ctx, userId: Id<"user">, provider: PaymentMethod) {
  const [row] = await ctx.db
    .select({ ref: paymentCustomers.ref })
    .from(paymentCustomers)
    .where(and(eq(paymentCustomers.userId, userId), eq(paymentCustomers.provider, provider)))
    .limit(1)
  return row?.ref
}

/**
 * Charges a kept method while its payer is away, once for each payment however often it is called, and records what
 * the gateway says. No answer is no refusal: the payment stays as it is, and whoever called calls again.
 * `undefined`: there is nobody to charge.
 */
export async function charge(
  ctx: Ctx,
  payment: PaymentRow,
  { userId, method }: { userId: Id<"user">; method: string | null },
): Promise<PaymentRow | undefined> {
  const saved = gatewayOf(ctx, payment.provider)?.saved
  const customer = saved && (await findCustomer(ctx, userId, payment.provider))
  if (!saved || customer === undefined || method === null) return undefined
  try {
    return await record(
      ctx,
      payment,
      await saved.charge({ ...requestOf(ctx, payment), customer, method }),
    )
  } catch (error) {
    ctx.log.error("charge to be asked for again", error, { payment_id: payment.id })
    return payment
  }
}

/** Whose customer an account is, for its export. */
export function selectCustomers(ctx: Ctx, userId: Id<"user">) {
  return ctx.db.select().from(paymentCustomers).where(eq(paymentCustomers.userId, userId))
}

/** Forgets whose customer an account is; the events have the gateways forget its payment methods. */
export async function stageErase(
  ctx: Ctx,
  userId: Id<"user">,
): Promise<{ statements: Statement[]; events: Event[] }> {
  const known = await selectCustomers(ctx, userId)
  return {
    statements: [ctx.db.delete(paymentCustomers).where(eq(paymentCustomers.userId, userId))],
    events: known.map(({ provider, ref }) => ({
      type: "payment-customer.removed",
      provider,
      ref,
    })),
  }
}

/** Has a gateway forget every method of a customer. Idempotent. @throws `unavailable` */
export async function forget(
  ctx: Ctx,
  { provider, ref }: Extract<Event, { type: "payment-customer.removed" }>,
): Promise<void> {
  const saved = gatewayOf(ctx, provider)?.saved
  for (const method of (await saved?.methods(ref)) ?? []) await saved?.detach(method.ref)
}
