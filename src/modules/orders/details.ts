import { may } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import { toDecimal } from "#lib/money.ts"
import type { Address } from "#modules/users/address-model.ts"
import * as addresses from "#modules/users/addresses.ts"
import { commit } from "#platform/commit.ts"

import { changed, changeRefusals, stageChange } from "./changes.ts"
import type { OrderChanges } from "./edit-model.ts"
import { isSent, mayEdit } from "./fulfilment.ts"
import type { Order } from "./model.ts"
import { open, type Opened, type OrderRow, toOrder } from "./orders.ts"
import { destinationOf, reprice } from "./reprice.ts"

/**
 * Changes who gets an order and what its customer says about it: its owner while it is pending, staff until it is sent
 * (e-mail, billing address and notes ever after). An address that makes the order cost something else is refused.
 * @throws `unauthenticated`, `not-found`, `order-not-editable`, `price-changed` with `total`, `order-changed`, `stale`,
 * `invalid-input` for unknown addresses and what is only staff's to change
 */
export async function update(ctx: Ctx, ref: string, input: OrderChanges): Promise<Order> {
  const opened = await open(ctx, ref, "orders:write")
  const { order, lines, changes } = opened
  const isStaff = may(ctx, "orders:write")
  const given = await overOf(ctx, input, isStaff)
  const fields = Object.keys(given) as (keyof Over)[]
  const differs = fields.filter(
    (field) => JSON.stringify(given[field]) !== JSON.stringify(order[field]),
  )
  if (differs.length === 0) return toOrder(order, lines)
  const over: Over = Object.fromEntries(differs.map((field) => [field, given[field]]))
  requireOpen(opened, over, isStaff)
  if (over.shippingAddress !== undefined) await requireSamePrice(ctx, opened, over.shippingAddress)
  const next = changed(ctx, order, over)
  const result = toOrder(next, lines)
  const note = `Changed: ${differs.map((field) => names[field]).join(", ")}.`
  await commit(ctx, await stageChange(ctx, order, next, changes.at(-1), note, "details"), {
    refusals: changeRefusals(ctx),
    result,
  })
  return result
}

type Over = Partial<
  Pick<OrderRow, "email" | "notes"> & { shippingAddress: Address; billingAddress: Address }
>

const names: Record<keyof Over, string> = {
  email: "email",
  notes: "notes",
  shippingAddress: "shipping_address",
  billingAddress: "billing_address",
}

async function overOf(ctx: Ctx, input: OrderChanges, isStaff: boolean): Promise<Over> {
  const errors: FieldError[] = []
  if (input.email !== undefined && !isStaff)
    errors.push({ field: "email", detail: "Only staff can change this.", code: "forbidden" })
  const given = [input.shipping_address, input.billing_address]
  const ids = given.filter((one): one is string => typeof one === "string")
  const own = ids.length === 0 ? new Map<string, Address>() : await addresses.findOwn(ctx, ids)
  const [shippingAddress, billingAddress] = given.map((one, index) => {
    const found = typeof one === "string" ? own.get(one) : one
    if (one !== undefined && !found)
      errors.push({
        field: index === 0 ? "shipping_address" : "billing_address",
        detail: "You have no address with this id.",
        code: "unknown",
      })
    return found
  })
  if (errors.length > 0) throw invalid(...errors)
  return {
    ...(input.email !== undefined && { email: input.email }),
    ...(input.notes !== undefined && { notes: input.notes }),
    ...(shippingAddress && { shippingAddress }),
    ...(billingAddress && { billingAddress }),
  }
}

/** @throws `order-not-editable` */
function requireOpen({ order, parcels }: Opened, over: Over, isStaff: boolean): void {
  const refuse = (why: string) => {
    throw new DomainError("order-not-editable", why, { status: order.status })
  }
  if (!isStaff && order.status !== "pending")
    refuse(`A ${order.status} order is no more its customer's to change.`)
  if (over.shippingAddress && (!mayEdit(order.status) || parcels.some(isSent)))
    refuse("The shipping address stays: the order was cancelled, or something of it is sent.")
}

/** Taxes and shipping go by where it is sent to. @throws `price-changed` */
async function requireSamePrice(ctx: Ctx, opened: Opened, address: Address): Promise<void> {
  const { order, lines } = opened
  const [before, after] = [destinationOf(order.shippingAddress), destinationOf(address)]
  if (!before || JSON.stringify(before) === JSON.stringify(after)) return
  const portions = lines.map((line) => ({ line, quantity: line.quantity }))
  const [old, fresh] = await Promise.all([
    reprice(ctx, order, portions, []),
    reprice(ctx, { ...order, shippingAddress: address }, portions, []),
  ])
  if (old.taxAmount === fresh.taxAmount && old.totalAmount === fresh.totalAmount) return
  const total = toDecimal(order.totalAmount + fresh.totalAmount - old.totalAmount, order.currency)
  throw new DomainError(
    "price-changed",
    `Sent there the order would come to ${total}: cancel it and order again.`,
    { total },
  )
}
