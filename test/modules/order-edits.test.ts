import { describe, expect, it, vi } from "vitest"

import { cancel } from "#modules/orders/cancel.ts"
import { OrderEdit } from "#modules/orders/edit-model.ts"
import * as edits from "#modules/orders/edits.ts"
import * as fulfilments from "#modules/orders/fulfilments.ts"
import { isIntact } from "#modules/orders/history.ts"
import * as orders from "#modules/orders/orders.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { shippingMethod } from "../support/offers.ts"
import {
  deliverAll,
  move,
  openEvents,
  order,
  reasonsOf,
  rows,
  settleAll,
  silentQueue,
  stockOf,
} from "../support/shop.ts"

const asStaff = (over = {}) => ctx({ as: make.staff, ...over })
const quiet = () => vi.spyOn(console, "error").mockImplementation(() => {})

const edit = (id: string, items: unknown[], over = {}, as = asStaff()) =>
  edits.edit(as, id, OrderEdit.parse({ items, ...over }))

/** A pending order of three caps and two mugs of 10.00, five of each in stock before it; pens wait beside. */
async function placed(over: Record<string, unknown> = {}) {
  const [customer, staff] = [await make.user(), await make.user("staff")]
  const cap = await make.product({ name: "Cap", sku: "CAP" })
  const mug = await make.product({ name: "Mug", sku: "MUG" })
  const pen = await make.product({ name: "Pen", sku: "PEN", price: "2.50" })
  const { body } = await order(
    [
      { product_id: cap.id, quantity: 3 },
      { product_id: mug.id, quantity: 2 },
    ],
    customer,
    over,
  )
  return { customer, staff, cap, mug, pen, id: body.id as string, payment: body.payment }
}

type Shop = Awaited<ReturnType<typeof placed>>

async function stocks({ cap, mug, pen }: Shop) {
  const all = await Promise.all([cap, mug, pen].map(({ id }) => stockOf(id)))
  return all.map(({ onHand, held }) => (held === 0 ? onHand : `${onHand} (${held} held)`))
}

/** Stock that is lost once the order has settled what it held before: once for each of three products. */
function settlingNoMore() {
  let settles = 0
  const real = ctx().stock
  return {
    getByName: (name: string) =>
      new Proxy(real.getByName(name), {
        get: (target, method) =>
          method === "settle" && ++settles > 3
            ? () => Promise.reject(new Error("Network connection lost."))
            : (Reflect.get(target, method) as unknown),
      }),
  } as unknown as typeof real
}

const linesOf = (id: string) =>
  rows<Record<string, unknown>>(
    "SELECT sku, quantity, unit_amount AS unit, line_amount AS amount FROM order_lines WHERE order_id = ? ORDER BY position",
    id,
  )

async function expectIntact(id: string) {
  const { changes, order: row } = await orders.open(ctx(), id, "orders:read")
  expect(await isIntact(changes, row.version)).toBe(true)
}

async function payFor(id: string, { payment, staff }: Pick<Shop, "payment" | "staff">) {
  const path = `payments/${payment.id}/mark-paid`
  expect((await call("POST", path, { as: staff })).status).toBe(200)
  await settleAll()
  expect((await orders.get(asStaff(), id)).payment_status).toBe("paid")
}

describe("an edit of an order", () => {
  it("takes out, lessens, adds more and adds something else, and moves the stock with it", async () => {
    const shop = await placed()
    const { id, cap, pen, staff } = shop
    await call("PATCH", `products/${cap.id}`, { as: staff, body: { price: "99.00" } })
    const { order: after, difference } = await edit(id, [
      { item_id: "CAP", quantity: 4 },
      { item_id: "MUG", quantity: 0 },
      { product_id: pen.id, quantity: 2 },
    ])
    // What was there keeps its price.
    expect(await linesOf(id)).toEqual([
      { sku: "CAP", quantity: 4, unit: 1000, amount: 4000 },
      { sku: "PEN", quantity: 2, unit: 250, amount: 500 },
    ])
    expect(after).toMatchObject({ total: "45.00", amount_due: "45.00", status: "pending" })
    expect(difference).toBe("-5.00")
    expect(await stocks(shop)).toEqual([1, 5, 3])
    await deliverAll()
    expect(await stocks(shop)).toEqual([1, 5, 3])
    await expectIntact(id)
    const { changes } = await orders.open(ctx(), id, "orders:read")
    expect(changes.at(-1)).toMatchObject({
      kind: "edit",
      note: "Cap: 3 → 4; Mug: 2 → 0; Pen: + 2.",
    })
    expect((await orders.get(asStaff(), id)).explain.at(-1)).toMatchObject({ amount: "45.00" })
  })

  it("shows first what would be, and changes nothing", async () => {
    const shop = await placed()
    const items = [{ product_id: "PEN", quantity: 2 }]
    const dry = await edit(shop.id, items, { dry_run: true })
    expect(dry).toMatchObject({
      dry_run: true,
      difference: "5.00",
      amount_due: "55.00",
      order: { total: "55.00", items: [{ sku: "CAP" }, { sku: "MUG" }, { sku: "PEN" }] },
    })
    expect(await linesOf(shop.id)).toHaveLength(2)
    expect(await stocks(shop)).toEqual([2, 3, 5])
    expect(await openEvents("order.edited")).toEqual([])
    await expect(
      edit(shop.id, [{ product_id: "PEN", quantity: 6 }], { dry_run: true }),
    ).rejects.toMatchObject({ code: "out-of-stock" })
    const real = await edit(shop.id, items)
    expect({ ...real.order, updated_at: "", items: [] }).toEqual({
      ...dry.order,
      updated_at: "",
      items: [],
    })
  })

  it.each([
    ["what is no item", [{ item_id: "INK", quantity: 1 }], "invalid-input"],
    ["what is no product", [{ product_id: "INK", quantity: 1 }], "invalid-input"],
    [
      "to leave nothing",
      [
        { item_id: "CAP", quantity: 0 },
        { item_id: "MUG", quantity: 0 },
      ],
      "invalid-input",
    ],
    ["to change nothing", [{ item_id: "CAP", quantity: 3 }], "invalid-input"],
    ["more than there is", [{ item_id: "CAP", quantity: 6 }], "out-of-stock"],
    ["more than there is of something else", [{ product_id: "PEN", quantity: 6 }], "out-of-stock"],
  ])("refuses %s, and takes nothing", async (_, items, code) => {
    const shop = await placed()
    await expect(edit(shop.id, items)).rejects.toMatchObject({ code })
    expect(await stocks(shop)).toEqual([2, 3, 5])
    expect(await linesOf(shop.id)).toHaveLength(2)
  })

  it.each([
    [
      "more than 999 of a thing",
      [
        { item_id: "CAP", quantity: 999 },
        { sku: "CAP", quantity: 1 },
      ],
    ],
    ["a thing by no name", [{ quantity: 1 }]],
  ])("refuses %s", async (_, items) => {
    const shop = await placed()
    await expect(
      edits.edit(asStaff(), shop.id, { items, note: "", dry_run: false } as OrderEdit),
    ).rejects.toMatchObject({ code: "invalid-input" })
    expect(await linesOf(shop.id)).toHaveLength(2)
  })

  it("puts nothing into an order without an address that has to be sent", async () => {
    const buyer = await make.user()
    const book = await make.product({ name: "Book", is_digital: true, sku: "BOOK" })
    await make.product({ name: "Mug", sku: "MUG" })
    const { body, status } = await order([{ product_id: book.id, quantity: 1 }], buyer, {
      shipping_address: undefined,
    })
    expect([status, body.errors]).toEqual([201, undefined])
    await expect(edit(body.id, [{ product_id: "MUG", quantity: 1 }])).rejects.toMatchObject({
      code: "invalid-input",
      details: { errors: [{ field: "items.0.product_id", code: "required" }] },
    })
    expect(await linesOf(body.id)).toHaveLength(1)
  })

  it("counts what is digital as sent once the order is confirmed", async () => {
    const shop = await placed()
    await make.product({ name: "Book", is_digital: true, sku: "BOOK", price: "3.00" })
    await make.product({ name: "Song", is_digital: true, sku: "SONG", price: "1.00" })
    const sent = () =>
      rows("SELECT sku, quantity, fulfilled_quantity AS sent FROM order_lines ORDER BY position")
    await edit(shop.id, [{ product_id: "BOOK", quantity: 1 }])
    expect((await sent())[2]).toEqual({ sku: "BOOK", quantity: 1, sent: 0 })
    await move(shop.id, shop.staff, "confirmed")
    await edit(shop.id, [
      { item_id: "BOOK", quantity: 2 },
      { product_id: "SONG", quantity: 4 },
    ])
    expect(await sent()).toEqual([
      { sku: "CAP", quantity: 3, sent: 0 },
      { sku: "MUG", quantity: 2, sent: 0 },
      { sku: "BOOK", quantity: 2, sent: 2 },
      { sku: "SONG", quantity: 4, sent: 4 },
    ])
  })

  it("keeps how the order is sent, and what that costs now", async () => {
    await shippingMethod({ free_from: "60.00" })
    const shop = await placed()
    expect(await edit(shop.id, [{ item_id: "MUG", quantity: 1 }])).toMatchObject({
      difference: "-10.00",
      order: { shipping_cost: "5.00", total: "45.00", shipping_method: { name: "Standard" } },
    })
    expect(await edit(shop.id, [{ item_id: "MUG", quantity: 3 }])).toMatchObject({
      difference: "15.00",
      order: { shipping_cost: "0.00", total: "60.00", shipping_method: { name: "Standard" } },
    })
  })

  it("adds to the item that is there already, at its price", async () => {
    const shop = await placed()
    await edit(shop.id, [{ sku: "MUG", quantity: 1 }])
    expect(await linesOf(shop.id)).toMatchObject([{ quantity: 3 }, { sku: "MUG", quantity: 3 }])
    expect(await stocks(shop)).toEqual([2, 2, 5])
  })

  it("takes back nothing that was sent, and with the rest taken out the order is shipped", async () => {
    const shop = await placed()
    await move(shop.id, shop.staff, "confirmed")
    await fulfilments.create(asStaff(), shop.id, {
      note: "",
      items: [{ item_id: "CAP", quantity: 2 }],
    })
    await expect(edit(shop.id, [{ item_id: "CAP", quantity: 1 }])).rejects.toMatchObject({
      code: "already-fulfilled",
    })
    const rest = await edit(shop.id, [
      { item_id: "CAP", quantity: 2 },
      { item_id: "MUG", quantity: 0 },
    ])
    expect(rest.order).toMatchObject({ status: "shipped", fulfilment_status: "fulfilled" })
    expect(await stocks(shop)).toEqual([3, 5, 5])
    await expect(edit(shop.id, [{ item_id: "CAP", quantity: 3 }])).rejects.toMatchObject({
      code: "order-not-editable",
    })
  })

  it("of two at once one is made, and the other holds nothing", async () => {
    const shop = await placed()
    const results = await Promise.allSettled([
      edit(shop.id, [{ product_id: "PEN", quantity: 2 }]),
      edit(shop.id, [{ product_id: "PEN", quantity: 3 }]),
    ])
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
    expect(reasonsOf(results)).toMatchObject([{ code: "order-changed" }])
    await settleAll()
    const [{ quantity } = { quantity: 0 }] = await rows<{ quantity: number }>(
      "SELECT quantity FROM order_lines WHERE sku = 'PEN'",
    )
    expect(await stocks(shop)).toEqual([2, 3, 5 - quantity])
    await expectIntact(shop.id)
  })

  it("and a cancel at once leave no stock behind", async () => {
    const shop = await placed()
    await Promise.allSettled([
      edit(shop.id, [
        { item_id: "CAP", quantity: 1 },
        { product_id: "PEN", quantity: 2 },
      ]),
      cancel(asStaff(), shop.id, ""),
    ])
    await cancel(asStaff(), shop.id, "").catch(() => {})
    await settleAll()
    expect(await stocks(shop)).toEqual([5, 5, 5])
  })

  it("of an order that is cancelled afterwards returns all, once", async () => {
    const shop = await placed()
    await edit(shop.id, [
      { item_id: "CAP", quantity: 5 },
      { item_id: "MUG", quantity: 0 },
      { product_id: "PEN", quantity: 1 },
    ])
    await cancel(asStaff(), shop.id, "")
    await settleAll()
    await deliverAll()
    expect(await stocks(shop)).toEqual([5, 5, 5])
  })
})

describe("an edit whose process dies", () => {
  it("before the commit leaves a hold that lapses, and is made again", async () => {
    quiet()
    const shop = await placed()
    const dying = asStaff({ db: dyingDb() })
    await expect(edit(shop.id, [{ product_id: "PEN", quantity: 2 }], {}, dying)).rejects.toThrow(
      "connection",
    )
    expect(await stocks(shop)).toEqual([2, 3, "5 (2 held)"])
    await edit(shop.id, [{ product_id: "PEN", quantity: 2 }])
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 })
    expect(await stocks(shop)).toEqual([2, 3, 3])
  })

  it("after the commit is finished by its event, once", async () => {
    quiet()
    const shop = await placed()
    await settleAll()
    const stock = settlingNoMore()
    await edit(
      shop.id,
      [
        { item_id: "MUG", quantity: 1 },
        { product_id: "PEN", quantity: 2 },
      ],
      {},
      asStaff({ stock, events: silentQueue }),
    )
    expect(await stocks(shop)).toEqual([2, 3, "5 (2 held)"])
    const [event] = await openEvents("order.edited")
    await settleAll()
    expect(await stocks(shop)).toEqual([2, 4, 3])
    if (event?.event.type === "order.edited") await edits.settleEdit(ctx(), event.event)
    expect(await stocks(shop)).toEqual([2, 4, 3])
  })

  it("after the commit, and whose hold lapsed meanwhile, is not finished without its stock", async () => {
    quiet()
    const shop = await placed()
    await settleAll()
    const stock = settlingNoMore()
    const items = [{ product_id: "PEN", quantity: 4 }]
    await edit(shop.id, items, {}, asStaff({ stock, events: silentQueue }))
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 })
    await order([{ product_id: shop.pen.id, quantity: 3 }])
    const [event] = await openEvents("order.edited")
    const settle = () =>
      event?.event.type === "order.edited" ? edits.settleEdit(ctx(), event.event) : undefined
    await expect(settle()).rejects.toThrow(/stock for the edit of .* is gone/)
    const restock = { delta: 10, reason: "restock", note: "" }
    await call("POST", `admin/inventory/${shop.pen.id}/adjust`, {
      as: await make.user("staff"),
      body: restock,
    })
    await settle()
    expect((await stocks(shop))[2]).toBe(8)
  })

  it("or comes before the order's own event, sells everything once", async () => {
    const shop = await placed()
    await edit(shop.id, [
      { item_id: "CAP", quantity: 4 },
      { product_id: "PEN", quantity: 2 },
    ])
    // `order.placed` comes late, and again.
    await deliverAll("order.placed")
    await rows("UPDATE outbox SET done_at = NULL")
    await rows("DELETE FROM deliveries")
    await deliverAll("order.placed")
    await settleAll()
    expect(await stocks(shop)).toEqual([1, 3, 3])
  })
})

describe("the money of an edit", () => {
  it("of an unpaid order is asked for anew", async () => {
    const shop = await placed()
    await edit(shop.id, [{ product_id: "PEN", quantity: 2 }])
    expect((await orders.get(asStaff(), shop.id)).payments).toMatchObject([
      { status: "unpaid", amount: "55.00" },
      { status: "voided", amount: "50.00" },
    ])
  })

  it("is paid when the order comes to no more than was paid of it", async () => {
    const shop = await placed()
    const path = `payments/${shop.payment.id}/mark-paid`
    await call("POST", path, { as: shop.staff, body: { amount: "30.00" } })
    await settleAll()
    expect(await orders.get(asStaff(), shop.id)).toMatchObject({
      amount_due: "20.00",
      paid_at: null,
    })
    await edit(shop.id, [{ item_id: "CAP", quantity: 1 }])
    const after = await orders.get(asStaff(), shop.id)
    expect(after).toMatchObject({ payment_status: "paid", amount_due: "0.00" })
    expect(after.paid_at).not.toBeNull()
    await expectIntact(shop.id)
  })

  it("goes back when a paid order comes to less, and is due when it comes to more again", async () => {
    const shop = await placed()
    await payFor(shop.id, shop)
    const less = await edit(shop.id, [{ item_id: "CAP", quantity: 1 }])
    expect(less).toMatchObject({
      difference: "-20.00",
      refund: "20.00",
      amount_due: "0.00",
      order: { total: "30.00", paid_amount: "50.00", refunded_amount: "20.00" },
    })
    await settleAll()
    const more = await edit(shop.id, [{ product_id: "PEN", quantity: 4 }])
    expect(more).toMatchObject({ difference: "10.00", refund: "0.00", amount_due: "10.00" })
    await settleAll()
    const after = await orders.get(asStaff(), shop.id)
    expect(after).toMatchObject({
      payment_status: "partially_refunded",
      amount_due: "10.00",
      payments: [
        { status: "unpaid", amount: "10.00" },
        { captured: "50.00", refunded: "20.00" },
      ],
    })
    await expectIntact(shop.id)
  })

  it("that is due for an order paid through a gateway keeps it from being sent until it is paid", async () => {
    const gateway = standUp()
    const shop = await placed({ payment_method: "fake" })
    await expect(edit(shop.id, [{ product_id: "PEN", quantity: 2 }])).rejects.toMatchObject({
      code: "order-unpaid",
    })
    gateway.pay()
    await gateway.send()
    await settleAll()
    await edit(shop.id, [{ product_id: "PEN", quantity: 2 }])
    await settleAll()
    expect(await orders.get(asStaff(), shop.id)).toMatchObject({
      status: "confirmed",
      payment_status: "unpaid",
      amount_due: "5.00",
    })
    await expect(fulfilments.create(asStaff(), shop.id, { note: "" })).rejects.toMatchObject({
      code: "order-unpaid",
      details: { amount_due: "5.00" },
    })
    const asked = await call("POST", "payments", { as: shop.customer, body: { order: shop.id } })
    expect(asked).toMatchObject({ status: 201, body: { amount: "5.00" } })
    gateway.pay()
    await gateway.send()
    await settleAll()
    expect(await orders.get(asStaff(), shop.id)).toMatchObject({
      payment_status: "paid",
      amount_due: "0.00",
    })
    expect((await fulfilments.create(asStaff(), shop.id, { note: "" })).order.status).toBe(
      "shipped",
    )
    expect(await stocks(shop)).toEqual([2, 3, 3])
  })
})

/** A database that is gone when an order's history is to be written. */
function dyingDb() {
  const { db } = ctx()
  return new Proxy(db, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown
      if (name !== "batch" || typeof value !== "function")
        return typeof value === "function" ? value.bind(target) : value
      return async (statements: { toSQL(): { sql: string } }[]) => {
        if (statements.some((one) => /^insert into "order_changes"/i.test(one.toSQL().sql)))
          throw new Error("Network connection lost.")
        return (value as (all: unknown[]) => Promise<unknown>).call(target, statements)
      }
    },
  })
}
