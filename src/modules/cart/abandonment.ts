import { and, asc, eq, gt, gte, inArray, isNotNull, isNull, lt, lte, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid } from "#errors.ts"
import type { Event } from "#events.ts"
import { type Id, newId } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { hmac, sha256 } from "#lib/secret.ts"
import { daysAfter, iso } from "#lib/time.ts"
import { products } from "#modules/catalog/tables.ts"
import { users } from "#modules/users/tables.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type {
  AbandonedCart,
  AbandonedCartQuery,
  CartStatistics,
  CartStatisticsQuery,
} from "./abandonment-model.ts"
import { get } from "./cart.ts"
import { ownerOf, stageMerge } from "./merge.ts"
import type { Cart, CartRecovery } from "./model.ts"
import { cartAbandonments, cartLines, carts } from "./tables.ts"
import { selectCart, toCart } from "./view.ts"

/** Hours without a change after which a cart with somebody to write to counts as left. */
const idleHours = 24
/** Carts of one transaction, and transactions of one run: cron comes again. */
const page = 50
const mostPages = 20
/** Days that a reminder's link works. */
const linkDays = 30

/** A cart that lies idle, as literally as the index `carts_idle` says it. */
const isIdle = sql`status = 'open' AND swept_at IS NULL AND (user_id IS NOT NULL OR email IS NOT NULL)`

/**
 * Notes the carts that lie idle for a day, each once for each time it does, and tells of them (`cart.abandoned`). For
 * cron: works in pages, and of two runs at once each cart is one's.
 */
export async function markAbandoned(ctx: Ctx): Promise<void> {
  const before = iso(daysAfter(ctx.now, -idleHours / 24))
  for (let n = 0; n < mostPages; n++)
    if ((await retryRaced(() => markPage(ctx, before))) < page) return
}

async function markPage(ctx: Ctx, before: string): Promise<number> {
  const ofLines = (what: string) =>
    sql<number>`(SELECT coalesce(sum(${sql.raw(what)}), 0) FROM cart_lines l JOIN variants v ON v.id = l.variant_id JOIN products p ON p.id = v.product_id WHERE l.cart_id = carts.id)`
  const idle = await ctx.db
    .select({
      id: carts.id,
      userId: carts.userId,
      email: carts.email,
      updatedAt: carts.updatedAt,
      items: ofLines("l.quantity").as("items"),
      amount: ofLines("l.quantity * coalesce(v.price_amount, p.price_amount)").as("amount"),
    })
    .from(carts)
    .where(and(isIdle, lte(carts.updatedAt, before)))
    .orderBy(asc(carts.updatedAt))
    .limit(page)
  if (idle.length === 0) return 0

  const left = await Promise.all(
    idle
      .filter(({ items }) => items > 0)
      .map(async (cart) => {
        const id = newId("abandonment", ctx.now)
        return { ...cart, cartId: cart.id, id, tokenHash: await sha256(await tokenOf(ctx, id)) }
      }),
  )
  const changed = () => raced(new DomainError("cart-changed"))
  await commit(
    ctx,
    [
      ...left.map(({ id, cartId, userId, email, items, amount, updatedAt, tokenHash }) =>
        ctx.db.insert(cartAbandonments).values({
          id,
          cartId,
          // NULL, which the column refuses, when the cart was changed since it was read.
          idleSince: sql`(SELECT updated_at FROM carts WHERE id = ${cartId} AND status = 'open' AND updated_at = ${updatedAt})`,
          userId,
          email,
          items,
          amount,
          currency: ctx.config.currency,
          tokenHash,
          createdAt: iso(ctx.now),
        }),
      ),
      ctx.db
        .update(carts)
        .set({ sweptAt: iso(ctx.now) })
        .where(
          and(
            inArray(
              carts.id,
              idle.map(({ id }) => id),
            ),
            isIdle,
            lte(carts.updatedAt, before),
          ),
        ),
    ],
    {
      events: left.map(({ id, cartId }): Event => ({
        type: "cart.abandoned",
        cartId,
        abandonmentId: id,
      })),
      refusals: {
        "NOT NULL constraint failed: cart_abandonments.idle_since": changed,
        "cart_abandonments.cart_id": changed,
      },
    },
  )
  return idle.length
}

/** What the link of a reminder carries: derived, so that only the mail holds it. */
function tokenOf(ctx: Ctx, id: Id<"abandonment">): Promise<string> {
  return hmac(ctx.config.dataKey, `cart ${id}`)
}

/** Whom to remind of which things, and the token that opens the cart; a user needs none, but has to want mail. */
export type Reminder = {
  to: string
  token: string
  lines: { name: string; quantity: number }[]
}

/** What a reminder of an abandoned cart says; `undefined` once the cart was changed or ordered, or nobody wants it. */
export async function findReminder(ctx: Ctx, id: Id<"abandonment">): Promise<Reminder | undefined> {
  const rows = await ctx.db
    .select({
      guestEmail: sql<string | null>`${carts.email}`.as("guest_email"),
      userEmail: sql<string | null>`${users.email}`.as("user_email"),
      wanted:
        sql<number>`(${users.id} IS NULL OR (${users.isActive} = 1 AND ${users.emailNotifications} = 1))`.as(
          "wanted",
        ),
      name: products.name,
      quantity: cartLines.quantity,
    })
    .from(cartAbandonments)
    .innerJoin(
      carts,
      and(
        eq(carts.id, cartAbandonments.cartId),
        eq(carts.status, "open"),
        eq(carts.updatedAt, cartAbandonments.idleSince),
      ),
    )
    .leftJoin(users, eq(users.id, carts.userId))
    .innerJoin(cartLines, eq(cartLines.cartId, carts.id))
    .innerJoin(products, eq(products.id, cartLines.productId))
    .where(eq(cartAbandonments.id, id))
    .orderBy(asc(cartLines.createdAt), asc(cartLines.id))
    .limit(10)
  const [first] = rows
  const to = first?.userEmail ?? first?.guestEmail
  if (!first?.wanted || !to) return undefined
  const lines = rows.map(({ name, quantity }) => ({ name, quantity }))
  return { to, token: await tokenOf(ctx, id), lines }
}

/**
 * Opens a cart by the link of its reminder: a guest's goes into the cart of whoever opens it, a user's opens for that
 * user. Twice is once. @throws `invalid-input` naming `token`, `unauthenticated` for a user's cart
 */
export async function recover(ctx: Ctx, { token }: CartRecovery): Promise<Cart> {
  const [found] = await ctx.db
    .select({ userId: carts.userId, tokenHash: carts.tokenHash })
    .from(cartAbandonments)
    .innerJoin(carts, and(eq(carts.id, cartAbandonments.cartId), eq(carts.status, "open")))
    .where(
      and(
        eq(cartAbandonments.tokenHash, await sha256(token)),
        gt(cartAbandonments.createdAt, iso(daysAfter(ctx.now, -linkDays))),
      ),
    )
    .limit(1)
  if (found?.userId && ctx.actor.type === "guest")
    throw new DomainError("unauthenticated", "Sign in to see your cart")
  const owner = await ownerOf(ctx)
  if (!found || (found.userId !== null && found.userId !== owner.userId)) {
    const detail = "This link is not valid: it is too old, or the cart was ordered."
    throw invalid({ field: "token", detail, code: "invalid" })
  }
  if (found.tokenHash === null || found.tokenHash === owner.tokenHash) return get(ctx)
  await commit(ctx, stageMerge(ctx, found.tokenHash, owner), { result: null })
  return toCart(ctx, owner, await ctx.db.batch(selectCart(ctx, owner)))
}

/** A page of the carts that were left, newest first. @throws `forbidden` */
export async function list(ctx: Ctx, query: AbandonedCartQuery): Promise<Page<AbandonedCart>> {
  requirePermission(ctx, "orders:read")
  const { recovered } = query
  const filter =
    recovered === undefined
      ? undefined
      : recovered
        ? isNotNull(cartAbandonments.recoveredAt)
        : isNull(cartAbandonments.recoveredAt)
  const read = await readPage(ctx, query, {
    orderings: {
      abandoned_at: { by: cartAbandonments.createdAt, of: (row: AbandonmentRow) => row.createdAt },
    },
    fallback: "-abandoned_at",
    id: { by: cartAbandonments.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select({
          ...columns,
          userEmail: sql<string | null>`${users.email}`.as("user_email"),
        })
        .from(cartAbandonments)
        .leftJoin(users, eq(users.id, cartAbandonments.userId))
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db
      .select({ id: cartAbandonments.id })
      .from(cartAbandonments)
      .where(filter)
      .getSQL(),
  })
  return mapPage(read, toAbandoned)
}

const columns = {
  id: sql<Id<"abandonment">>`${cartAbandonments.id}`.as("abandonment_id"),
  cartId: cartAbandonments.cartId,
  idleSince: cartAbandonments.idleSince,
  userId: cartAbandonments.userId,
  email: sql<string | null>`${cartAbandonments.email}`.as("guest_email"),
  items: cartAbandonments.items,
  amount: cartAbandonments.amount,
  currency: cartAbandonments.currency,
  createdAt: sql<string>`${cartAbandonments.createdAt}`.as("abandoned_at"),
  recoveredAt: cartAbandonments.recoveredAt,
}

type AbandonmentRow = Pick<typeof cartAbandonments.$inferSelect, keyof typeof columns> & {
  userEmail: string | null
}

/**
 * What became of the carts that were left in a period, by default the last 30 days; a cart counts once, however often
 * it was left. @throws `forbidden`, `invalid-input` for more than a year
 */
export async function statistics(ctx: Ctx, query: CartStatisticsQuery): Promise<CartStatistics> {
  requirePermission(ctx, "orders:read")
  const { currency } = ctx.config
  const to = query.date_to === undefined ? ctx.now : daysAfter(new Date(query.date_to), 1)
  const from = query.date_from === undefined ? daysAfter(to, -30) : new Date(query.date_from)
  if (from > to || daysAfter(from, 367) < to)
    throw invalid({ field: "date_from", detail: "A period is at most a year.", code: "invalid" })
  const left = ctx.db
    .select({
      amount: sql<number>`max(${cartAbandonments.amount})`.as("amount"),
      recoveredAt: sql<string | null>`max(${cartAbandonments.recoveredAt})`.as("recovered_at"),
    })
    .from(cartAbandonments)
    .where(and(gte(cartAbandonments.createdAt, iso(from)), lt(cartAbandonments.createdAt, iso(to))))
    .groupBy(cartAbandonments.cartId)
    .as("abandoned")
  const [[found], [closed]] = await ctx.db.batch([
    ctx.db
      .select({
        abandoned: sql<number>`count(*)`.as("n"),
        recovered: sql<number>`count(recovered_at)`.as("n_recovered"),
        amount: sql<number>`coalesce(sum(amount), 0)`.as("sum_amount"),
        recoveredAmount:
          sql<number>`coalesce(sum(CASE WHEN recovered_at IS NOT NULL THEN amount END), 0)`.as(
            "sum_recovered",
          ),
      })
      .from(left),
    ctx.db
      .select({ n: sql<number>`count(*)`.as("n") })
      .from(carts)
      .where(
        and(sql`status = 'ordered'`, gte(carts.updatedAt, iso(from)), lt(carts.updatedAt, iso(to))),
      ),
  ])
  const { abandoned = 0, recovered = 0, amount = 0, recoveredAmount = 0 } = found ?? {}
  const ordered = closed?.n ?? 0
  const lost = abandoned - recovered
  return {
    date_from: iso(from),
    date_to: iso(to),
    abandoned_carts: abandoned,
    recovered_carts: recovered,
    ordered_carts: ordered,
    recovery_rate: rate(recovered, abandoned),
    abandonment_rate: rate(lost, lost + ordered),
    abandoned_amount: toDecimal(amount, currency),
    recovered_amount: toDecimal(recoveredAmount, currency),
    currency,
  }
}

/** A share with four digits; null of nothing. */
function rate(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part / whole) * 10_000) / 10_000
}

function toAbandoned(row: AbandonmentRow): AbandonedCart {
  return {
    id: row.id,
    cart_id: row.cartId,
    user: row.userId,
    email: row.userEmail ?? row.email,
    total_items: row.items,
    total_amount: toDecimal(row.amount, row.currency),
    currency: row.currency,
    idle_since: row.idleSince,
    abandoned_at: row.createdAt,
    recovered_at: row.recoveredAt,
  }
}
