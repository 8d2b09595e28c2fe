import { and, eq, sql } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { sha256 } from "#lib/secret.ts"
import { iso } from "#lib/time.ts"
import * as orders from "#modules/orders/orders.ts"

import type { BulkOrders, BulkResult } from "./bulk-model.ts"
import * as checkout from "./checkout.ts"
import { type Placed, PlaceOrder } from "./model.ts"
import { orderReferences } from "./tables.ts"

type Result = BulkResult["results"][number]
type Known = { orderId: Id<"order">; fingerprint: string }

/** How many orders are placed at the same time: D1 and scarce stock take them one after another anyway. */
const abreast = 4

/**
 * Places many orders, each by itself: one that is refused stops no other. Of one caller's reference there is one order:
 * a request that died half-way is sent again and places the rest.
 * @throws `forbidden`
 */
export async function placeAll(request: Ctx, { orders: entries }: BulkOrders): Promise<BulkResult> {
  const caller = requirePermission(request, "orders:write").id
  // No order's answer stands for the whole request: none is stored with the commit of its order.
  const { once: _once, ...ctx } = request
  const known = await knownOf(
    ctx,
    caller,
    entries.map(({ reference }) => reference),
  )
  const results: Result[] = []
  let next = 0
  const work = async () => {
    while (next < entries.length) {
      const index = next++
      const entry = entries[index]
      if (entry) results[index] = await one(ctx, caller, entry, known.get(entry.reference))
    }
  }
  await Promise.all(Array.from({ length: abreast }, work))
  const count = (outcome: Result["outcome"]) =>
    results.filter((result) => result.outcome === outcome).length
  return { placed: count("placed"), known: count("known"), failed: count("failed"), results }
}

async function one(
  ctx: Ctx,
  caller: Id<"user">,
  { reference, ...entry }: BulkOrders["orders"][number],
  known: Known | undefined,
): Promise<Result> {
  try {
    const input = parse(entry)
    const fingerprint = await sha256(JSON.stringify(input))
    if (known) return await again(ctx, reference, known, fingerprint)
    try {
      const {
        payment: _payment,
        access_token: _token,
        tenders: _tenders,
        ...order
      } = await checkout.place(ctx, input, besideOf(ctx, { caller, reference, fingerprint }))
      return { reference, outcome: "placed", order, error: null }
    } catch (error) {
      // Another request with the same reference was first; or this one was, and lost the answer.
      const meanwhile = (await knownOf(ctx, caller, [reference])).get(reference)
      if (!meanwhile) throw error
      return await again(ctx, reference, meanwhile, fingerprint)
    }
  } catch (error) {
    if (error instanceof DomainError) return refused(reference, error)
    ctx.log.error("order of a bulk request failed", error, { reference })
    return refused(reference, new DomainError("unavailable", "Send the request again."))
  }
}

function parse(entry: unknown): PlaceOrder {
  const read = PlaceOrder.safeParse(entry)
  const errors = (read.error?.issues ?? []).map((issue): FieldError => ({
    field: issue.path.join(".") || "body",
    detail: issue.message,
    code: issue.code === "custom" ? "invalid" : issue.code.replaceAll("_", "-"),
  }))
  if (read.data && !read.data.items)
    errors.push({ field: "items", detail: "This field is required.", code: "required" })
  if (read.data && errors.length === 0) return read.data
  throw new DomainError("invalid-input", errors[0]?.detail, { errors })
}

function besideOf(
  ctx: Ctx,
  row: { caller: Id<"user">; reference: string; fingerprint: string },
): checkout.Beside {
  return {
    stage: async ({ id }: Placed) => [
      ctx.db.insert(orderReferences).values({ ...row, orderId: id, createdAt: iso(ctx.now) }),
    ],
    refusals: { "order_references.caller": "request-in-progress" },
    result: (placed) => placed,
  }
}

async function again(
  ctx: Ctx,
  reference: string,
  known: Known,
  fingerprint: string,
): Promise<Result> {
  if (known.fingerprint !== fingerprint)
    throw new DomainError("idempotency-key-reused", "This reference was used for another order")
  // The caller's own, which a key may see that places orders and reads none.
  const found = await orders.find(ctx, known.orderId)
  if (!found) throw notFound("order")
  const order = orders.toOrder(found.order, found.lines)
  return { reference, outcome: "known", order, error: null }
}

function refused(reference: string, { code, message, details }: DomainError): Result {
  const errors = details["errors"] as FieldError[] | undefined
  return {
    reference,
    outcome: "failed",
    order: null,
    error: {
      code,
      detail: message,
      ...(errors && {
        errors: errors.map(({ field, detail, code: of }) => ({ field, detail, code: of })),
      }),
    },
  }
}

async function knownOf(
  ctx: Ctx,
  caller: Id<"user">,
  references: readonly string[],
): Promise<Map<string, Known>> {
  const rows = await ctx.db
    .select({
      reference: orderReferences.reference,
      orderId: orderReferences.orderId,
      fingerprint: orderReferences.fingerprint,
    })
    .from(orderReferences)
    .where(
      and(
        eq(orderReferences.caller, caller),
        // One parameter, however many there are (D1: at most 100).
        sql`${orderReferences.reference} IN (SELECT value FROM json_each(${JSON.stringify(references)}))`,
      ),
    )
  return new Map(rows.map(({ reference, ...known }) => [reference, known]))
}
