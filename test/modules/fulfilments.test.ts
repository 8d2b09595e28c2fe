import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { setStatus } from "#modules/orders/advance.ts"
import * as fulfilments from "#modules/orders/fulfilments.ts"
import { isIntact } from "#modules/orders/history.ts"
import * as integrity from "#modules/orders/integrity.ts"
import * as notes from "#modules/orders/notes.ts"
import * as orders from "#modules/orders/orders.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { deliverAll, move, order, reasonsOf, rows, settleAll, stockOf } from "../support/shop.ts"

const asStaff = () => ctx({ as: make.staff })
const none = { note: "" }

/** A confirmed order of three caps and two mugs. */
async function confirmed() {
  const [customer, staff] = [await make.user(), await make.user("staff")]
  const cap = await make.product({ name: "Cap", sku: "CAP" })
  const mug = await make.product({ name: "Mug", sku: "MUG" })
  const { body } = await order(
    [
      { product_id: cap.id, quantity: 3 },
      { product_id: mug.id, quantity: 2 },
    ],
    customer,
  )
  await move(body.id, staff, "confirmed")
  return { customer, staff, cap, mug, id: body.id as string, items: body.items }
}

const send = (id: string, items?: { item_id: string; quantity?: number }[], over = {}) =>
  fulfilments.create(asStaff(), id, { ...none, ...(items && { items }), ...over })

async function quantities(id: string) {
  const found = await rows<{ sku: string; sent: number }>(
    "SELECT sku, fulfilled_quantity AS sent FROM order_lines WHERE order_id = ? ORDER BY position",
    id,
  )
  return Object.fromEntries(found.map(({ sku, sent }) => [sku, sent]))
}

async function historyOf(id: string) {
  const { changes, order: row } = await orders.open(ctx(), id, "orders:read")
  expect(await isIntact(changes, row.version)).toBe(true)
  return changes.map(({ kind, from, to }) => [kind, from, to])
}

describe("sending an order in parts", () => {
  it("is processing with the first parcel, shipped with the last, delivered when all have arrived", async () => {
    const { id } = await confirmed()
    const first = await send(id, [{ item_id: "CAP", quantity: 2 }, { item_id: "MUG" }], {
      carrier: "ups",
      tracking_number: "1Z999AA10123456784",
      estimated_delivery: "2026-12-01",
    })
    expect(first.fulfilment).toMatchObject({
      status: "shipped",
      carrier: "UPS",
      tracking_url: "https://www.ups.com/track?tracknum=1Z999AA10123456784",
      estimated_delivery: "2026-12-01T00:00:00.000Z",
      items: [{ quantity: 2 }, { quantity: 2 }],
    })
    expect(first.order).toMatchObject({
      status: "processing",
      fulfilment_status: "partially_fulfilled",
      shipped_at: null,
    })
    const second = await send(id)
    expect(second.fulfilment.items).toMatchObject([{ quantity: 1 }])
    expect(second.order).toMatchObject({
      status: "shipped",
      fulfilment_status: "fulfilled",
      carrier: "UPS",
      tracking_number: "1Z999AA10123456784",
    })
    const arrived = { ...none, status: "delivered" as const }
    const one = await fulfilments.update(asStaff(), id, second.fulfilment.id, arrived)
    expect(one.order.status).toBe("shipped")
    const all = await fulfilments.update(asStaff(), id, first.fulfilment.id, arrived)
    expect(all.order).toMatchObject({ status: "delivered", fulfilment_status: "fulfilled" })
    expect(await historyOf(id)).toEqual([
      ["placed", null, "pending"],
      ["status", "pending", "confirmed"],
      ["status", "confirmed", "processing"],
      ["fulfilment", "unfulfilled", "partially_fulfilled"],
      ["fulfilment", "partially_fulfilled", "fulfilled"],
      ["status", "processing", "shipped"],
      ["fulfilment", "fulfilled", "fulfilled"],
      ["fulfilment", "fulfilled", "fulfilled"],
      ["status", "shipped", "delivered"],
    ])
  })

  it("sends nothing twice, nothing that is not there, and nothing that is not ordered", async () => {
    const { id } = await confirmed()
    await expect(send(id, [{ item_id: "CAP", quantity: 4 }])).rejects.toMatchObject({
      code: "already-fulfilled",
      details: { items: [{ left: 3 }] },
    })
    await expect(
      send(id, [
        { item_id: "CAP", quantity: 2 },
        { item_id: "CAP", quantity: 2 },
      ]),
    ).rejects.toMatchObject({ code: "already-fulfilled" })
    await expect(send(id, [{ item_id: "PEN" }, { item_id: "INK" }])).rejects.toMatchObject({
      code: "invalid-input",
      details: { errors: [{ field: "items.0.item_id" }, { field: "items.1.item_id" }] },
    })
    await expect(
      send(id, undefined, { carrier: "FedEx", tracking_number: "hello" }),
    ).rejects.toMatchObject({
      code: "invalid-input",
      details: { errors: [{ field: "tracking_number" }] },
    })
    expect(await quantities(id)).toEqual({ CAP: 0, MUG: 0 })
    await send(id)
    await expect(send(id)).rejects.toMatchObject({ code: "already-fulfilled" })
    expect(await rows("SELECT count(*) AS n FROM fulfilments")).toEqual([{ n: 1 }])
  })

  it("of two who send the same at once, one does", async () => {
    const { id } = await confirmed()
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => send(id)))
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
    for (const reason of reasonsOf(results))
      expect(reason).toMatchObject({
        code: expect.stringMatching(/^(order-changed|already-fulfilled)$/),
      })
    expect(await quantities(id)).toEqual({ CAP: 3, MUG: 2 })
    expect(await rows("SELECT count(*) AS n FROM fulfilments")).toEqual([{ n: 1 }])
  })

  it("never counts more as sent than was ordered, or back than was sent, whoever writes it", async () => {
    const { id } = await confirmed()
    for (const set of [
      "fulfilled_quantity = 9",
      "fulfilled_quantity = -1",
      "returned_quantity = 1",
    ])
      await expect(
        env.DB.prepare(`UPDATE order_lines SET ${set} WHERE order_id = ?`).bind(id).run(),
      ).rejects.toThrow("order_lines_fulfilled")
  })

  it("takes a parcel back before it arrives, once, and sends it again", async () => {
    const { id } = await confirmed()
    const { fulfilment } = await send(id)
    const takeBack = () => fulfilments.cancel(asStaff(), id, fulfilment.id, "Wrong box")
    const results = await Promise.allSettled([takeBack(), takeBack()])
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
    await expect(takeBack()).rejects.toMatchObject({ code: "illegal-transition" })
    expect(await quantities(id)).toEqual({ CAP: 0, MUG: 0 })
    expect(await orders.get(asStaff(), id)).toMatchObject({
      status: "shipped",
      fulfilment_status: "unfulfilled",
    })
    // Nothing arrives that was not sent.
    await expect(setStatus(asStaff(), id, { ...none, status: "delivered" })).rejects.toMatchObject({
      code: "illegal-transition",
    })
    const again = await send(id)
    const { order: after } = await fulfilments.update(asStaff(), id, again.fulfilment.id, {
      ...none,
      status: "delivered",
    })
    expect(after.status).toBe("delivered")
    await expect(fulfilments.cancel(asStaff(), id, again.fulfilment.id, "")).rejects.toMatchObject({
      code: "illegal-transition",
    })
  })

  it("shows its customer the parcels, and where to follow them", async () => {
    const { id, customer } = await confirmed()
    const { fulfilment } = await send(id, [{ item_id: "CAP" }])
    await fulfilments.update(asStaff(), id, fulfilment.id, {
      ...none,
      carrier: "Bike Messenger",
      tracking_number: "blue 7",
      tracking_url: "https://bikes.example/7",
    })
    const tracking = (await call("GET", `orders/${id}/track`, { as: customer })).body
    expect(tracking).toMatchObject({
      status: "processing",
      fulfilment_status: "partially_fulfilled",
      carrier: "Bike Messenger",
      tracking_number: "blue 7",
      tracking_url: "https://bikes.example/7",
      fulfilments: [{ id: fulfilment.id }],
    })
  })

  it("changes no parcel without being told what, none that was taken back, and none of another order", async () => {
    const { id } = await confirmed()
    const { fulfilment } = await send(id)
    const update = (given: object, of = id) =>
      fulfilments.update(asStaff(), of, fulfilment.id, { ...none, ...given })
    await expect(update({})).rejects.toMatchObject({
      code: "invalid-input",
      details: { errors: [{ field: "status", code: "required" }] },
    })
    const buyer = await make.user()
    const other = await order([{ product_id: (await make.product()).id, quantity: 1 }], buyer)
    await expect(update({ status: "delivered" }, other.body.id)).rejects.toMatchObject({
      code: "not-found",
    })
    await fulfilments.cancel(asStaff(), id, fulfilment.id, "")
    await expect(update({ status: "delivered" })).rejects.toMatchObject({
      code: "illegal-transition",
      message: "Cannot change a cancelled parcel to delivered.",
    })
    await expect(update({ tracking_number: "1Z999AA10123456784" })).rejects.toMatchObject({
      code: "illegal-transition",
      message: "Cannot change a cancelled parcel.",
    })
    await expect(fulfilments.cancel(asStaff(), id, "ful_none", "")).rejects.toMatchObject({
      code: "not-found",
    })
  })

  it("sends nothing of an order that is cancelled or sent, and takes nothing back that comes back", async () => {
    const { id, staff, customer, items } = await confirmed()
    const { fulfilment } = await send(id)
    await expect(send(id)).rejects.toMatchObject({ code: "already-fulfilled" })
    await move(id, staff, "delivered")
    const asked = await call("POST", `orders/${id}/returns`, {
      as: customer,
      body: { items: [{ id: items[0].id, quantity: 1 }], reason: "other" },
    })
    expect(asked.status).toBe(201)
    await expect(fulfilments.cancel(asStaff(), id, fulfilment.id, "")).rejects.toMatchObject({
      code: "order-not-editable",
    })
    const { body } = await order([{ product_id: (await make.product()).id, quantity: 1 }], customer)
    await call("POST", `orders/${body.id}/cancel`, { as: customer })
    await expect(send(body.id)).rejects.toMatchObject({
      code: "illegal-transition",
      details: { from: "cancelled", to: "shipped" },
    })
  })

  it("keeps what is on its way from being cancelled", async () => {
    const { id, customer, cap } = await confirmed()
    await send(id, [{ item_id: "CAP", quantity: 1 }])
    const refused = await call("POST", `orders/${id}/cancel`, { as: customer })
    expect(refused).toMatchObject({ status: 409, body: { code: "illegal-transition" } })
    expect((await stockOf(cap.id)).onHand).toBe(2)
  })
})

describe("the status of an order", () => {
  it("set to shipped sends all that is left in one parcel, to delivered says that all have arrived", async () => {
    const { id, staff } = await confirmed()
    await send(id, [{ item_id: "CAP", quantity: 1 }])
    await call("PATCH", `orders/${id}/status`, {
      as: staff,
      body: { status: "shipped", carrier: "DHL", tracking_number: "JD0146" },
    })
    expect(await quantities(id)).toEqual({ CAP: 3, MUG: 2 })
    const { body } = await move(id, staff, "delivered")
    expect(body).toMatchObject({ status: "delivered", carrier: "DHL", tracking_number: "JD0146" })
    expect(await rows("SELECT status FROM fulfilments")).toEqual([
      { status: "delivered" },
      { status: "delivered" },
    ])
  })

  it("goes all the way when it is confirmed and nothing goes by post", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const song = await make.product({ name: "Song", is_digital: true })
    const { body } = await order([{ product_id: song.id, quantity: 1 }], customer)
    expect((await move(body.id, staff, "confirmed")).body).toMatchObject({
      status: "delivered",
      fulfilment_status: "fulfilled",
    })
    expect((await historyOf(body.id)).map(([, , to]) => to)).toEqual([
      "pending",
      "confirmed",
      "processing",
      "shipped",
      "delivered",
    ])
  })

  it("counts what is digital as sent from the confirmation on, and sends the rest", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const song = await make.product({ name: "Song", is_digital: true, sku: "SONG" })
    const cap = await make.product({ name: "Cap", sku: "CAP" })
    const { body } = await order(
      [song, cap].map(({ id }) => ({ product_id: id, quantity: 1 })),
      customer,
    )
    expect((await move(body.id, staff, "confirmed")).body).toMatchObject({
      status: "confirmed",
      fulfilment_status: "partially_fulfilled",
    })
    const sent = await send(body.id)
    expect(sent.fulfilment.items).toHaveLength(1)
    expect(sent.order.status).toBe("shipped")
  })

  it("waits for the gateway: nothing is confirmed or sent before it is paid", async () => {
    const gateway = standUp()
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product()
    const { body } = await order([{ product_id: cap.id, quantity: 2 }], customer, {
      payment_method: "fake",
    })
    expect(await move(body.id, staff, "confirmed")).toMatchObject({
      status: 409,
      body: { code: "order-unpaid", amount_due: "20.00" },
    })
    gateway.pay()
    await gateway.send()
    await settleAll()
    expect(await orders.get(asStaff(), body.id)).toMatchObject({
      status: "confirmed",
      payment_status: "paid",
      amount_due: "0.00",
    })
    expect((await send(body.id)).order.status).toBe("shipped")
  })

  it("does not wait for an invoice", async () => {
    const { id, staff } = await confirmed()
    expect((await move(id, staff, "processing", "shipped")).body).toMatchObject({
      status: "shipped",
      payment_status: "unpaid",
      amount_due: "50.00",
    })
  })
})

describe("notes of staff", () => {
  it("are for staff, unless they are made for the customer", async () => {
    const { id, customer, staff } = await confirmed()
    await notes.add(asStaff(), id, { text: "Looks like fraud", is_public: false })
    await notes.add(asStaff(), id, { text: "Gift wrap added", is_public: true })
    const list = await call("GET", `admin/orders/${id}/notes`, { as: staff })
    expect(list.body.results).toMatchObject([
      { text: "Looks like fraud", is_public: false },
      { text: "Gift wrap added", is_public: true },
    ])
    for (const as of [customer, staff]) {
      const seen = await Promise.all(
        ["", "/history", "/track", "/invoice"].map((part) =>
          call("GET", `orders/${id}${part}`, { as }),
        ),
      )
      expect(JSON.stringify(seen.map(({ body }) => body))).not.toContain("fraud")
      expect(seen[0]?.body.public_notes).toMatchObject([{ text: "Gift wrap added" }])
    }
    expect(await historyOf(id)).toContainEqual(["note", null, null])
  })

  it("are all kept when many are made at once", async () => {
    const { id } = await confirmed()
    const texts = ["a", "b", "c", "d"]
    await Promise.all(texts.map((text) => notes.add(asStaff(), id, { text, is_public: true })))
    const { public_notes: all } = await orders.get(asStaff(), id)
    expect(all.map(({ text }) => text).toSorted()).toEqual(texts)
    await historyOf(id)
  })
})

describe("the check of histories", () => {
  const check = (query = {}) =>
    integrity.verify(ctx({ as: { ...make.staff, role: "admin" } as never }), query)

  it("finds every order whose history was changed behind its back, page by page", async () => {
    const { id, customer, cap } = await confirmed()
    for (let n = 0; n < 2; n++) await order([{ product_id: cap.id, quantity: 1 }], customer)
    expect(await check()).toEqual({ is_intact: true, checked: 3, broken: [], next_cursor: null })
    await env.DB.prepare("UPDATE order_changes SET note = 'x' WHERE order_id = ? AND version = 2")
      .bind(id)
      .run()
    expect(await check()).toMatchObject({
      is_intact: false,
      broken: [{ order_id: id, fault: "chain" }],
    })
    expect(await check({ order: id })).toMatchObject({ is_intact: false, checked: 1 })
  })

  it("finds an order that says what its history does not", async () => {
    const { id } = await confirmed()
    await env.DB.prepare("UPDATE orders SET status = 'delivered' WHERE id = ?").bind(id).run()
    expect((await check()).broken).toMatchObject([{ fault: "status" }])
  })

  it("reads at most fifty orders at a time", async () => {
    const { id } = await confirmed()
    const [columns] = await rows<{ names: string }>(
      "SELECT group_concat(name) AS names FROM pragma_table_info('orders') WHERE name NOT IN ('id', 'number', 'cart_id')",
    )
    for (let n = 0; n < 60; n++)
      await env.DB.prepare(
        `INSERT INTO orders (id, number, ${columns?.names}) SELECT 'ord_x${n}', 'X${n}', ${columns?.names} FROM orders WHERE id = ?`,
      )
        .bind(id)
        .run()
    const first = await check()
    expect(first.checked).toBe(50)
    const second = await check({ cursor: first.next_cursor })
    expect([second.checked, second.next_cursor]).toEqual([11, null])
    expect(first.broken.length + second.broken.length).toBe(60)
  })
})

it("an order that is cancelled frees its stock, and its unpaid bill is void", async () => {
  const { id, customer, cap } = await confirmed()
  await call("POST", `orders/${id}/cancel`, { as: customer })
  await deliverAll()
  expect((await stockOf(cap.id)).onHand).toBe(5)
  expect(await orders.get(asStaff(), id)).toMatchObject({
    status: "cancelled",
    payments: [{ status: "voided" }],
    amount_due: "0.00",
  })
})
