import type { Ctx } from "#context.ts"
import { DomainError, type FieldError, invalid } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { findSellables, refuseUnlessOnSale, type Sellable } from "#modules/catalog/sellables.ts"

import type { OrderEdit } from "./edit-model.ts"
import { type Outcome, outcomeOf } from "./edit.ts"
import { lineOf } from "./fulfilments.ts"
import type { LineRow, Opened } from "./orders.ts"

/** Something that the order did not hold. */
export type Added = Sellable & { quantity: number }
/** What an edit does: to what the order holds, and what it adds. */
export type Plan = { outcome: Outcome<LineRow>; added: Added[] }

/**
 * What an edit comes to, before it is priced: every item that it names is known, on sale and can be sent.
 * @throws `invalid-input`, `product-unavailable`, `already-fulfilled` with `items`
 */
export async function planOf(ctx: Ctx, { order, lines }: Opened, input: OrderEdit): Promise<Plan> {
  const refOf = (item: OrderEdit["items"][number]) =>
    item.product_id ?? item.variant_id ?? item.sku ?? ""
  const fresh = input.items.filter(({ item_id: ref }) => ref === undefined)
  const found = await findSellables(ctx, fresh.map(refOf))
  const errors: FieldError[] = []
  const wanted = new Map<string, number>()
  const added = new Map<Id<"variant">, Added>()
  for (const [index, item] of input.items.entries()) {
    const field = `items.${index}.${item.item_id === undefined ? "product_id" : "item_id"}`
    if (item.item_id !== undefined) {
      const line = lineOf(lines, item.item_id)
      if (line) wanted.set(line.id, item.quantity)
      else errors.push({ field, detail: `No such item: ${item.item_id}`, code: "unknown" })
      continue
    }
    const thing = found.get(refOf(item))
    if (!thing) {
      errors.push({ field, detail: `No such product: ${refOf(item)}`, code: "unknown" })
      continue
    }
    refuseUnlessOnSale(thing)
    if (order.shippingAddress === null && !thing.isDigital)
      errors.push({ field, detail: "The order has no shipping address.", code: "required" })
    const line = lines.find(({ variantId }) => variantId === thing.variantId)
    if (line) wanted.set(line.id, (wanted.get(line.id) ?? line.quantity) + item.quantity)
    else
      added.set(thing.variantId, {
        ...thing,
        quantity: (added.get(thing.variantId)?.quantity ?? 0) + item.quantity,
      })
  }
  const outcome = outcomeOf(lines, wanted)
  const all = [...outcome.kept, ...added.values()]
  if (errors.length === 0 && all.length === 0)
    errors.push({ field: "items", detail: "Nothing is left: cancel it instead.", code: "invalid" })
  if (all.length > 100 || all.some(({ quantity }) => quantity > 999))
    errors.push({ field: "items", detail: "At most 100 items of 999 each.", code: "invalid" })
  if (outcome.kept.every(({ change }) => change === 0) && outcome.removed.length + added.size === 0)
    errors.push({ field: "items", detail: "Nothing would change.", code: "invalid" })
  if (errors.length > 0) throw invalid(...errors)
  const [short] = outcome.short
  if (short)
    throw new DomainError(
      "already-fulfilled",
      `${short.fulfilledQuantity} of ${short.name} are sent already.`,
      {
        items: outcome.short.map((line) => ({ item_id: line.id, sent: line.fulfilledQuantity })),
      },
    )
  return { outcome, added: [...added.values()] }
}
