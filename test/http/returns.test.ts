import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { isIntact } from "#modules/orders/history.ts"
import * as decisions from "#modules/orders/return-decisions.ts"
import { ReturnReceipt } from "#modules/orders/returns-model.ts"
import { recordRefund } from "#modules/payments/refund-answers.ts"
import { refunds as refundTable } from "#modules/payments/tables.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { ask, decide, delivered, people } from "../support/returns.ts"
import {
  countOf,
  deliverAll,
  failingStock,
  fieldsOf,
  openEvents,
  order,
  rows,
  silentQueue,
  stockObject,
  stockOf,
  tally,
} from "../support/shop.ts"

/** An approved return of so many caps of an order of four. */
async function approved(quantity: number) {
  const shop = await people()
  const items = [{ product_id: shop.cap.id, quantity: 4 }]
  const placed = await delivered(items, shop)
  const { body } = await ask(placed, [quantity], shop.customer)
  expect((await decide(body.id, "approve", shop.staff)).status).toBe(200)
  return { ...shop, placed, returned: body }
}

const orderRow = async (id: string) =>
  (await rows("SELECT * FROM orders WHERE id = ?", id))[0] as Record<string, unknown>

describe("asking to send something back", () => {
  it("makes a request that its owner and the staff see", async () => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 4 }], { customer, staff })
    const asked = await call("POST", `orders/${placed.order_number}/returns`, {
      as: customer,
      body: {
        items: [{ id: placed.items[0].id, quantity: "3" }],
        reason: "damaged",
        comment: "Torn",
        status: "refunded",
        refund_amount: "999.00",
      },
    })
    expect(asked.status).toBe(201)
    expect(asked.body).toMatchObject({
      return_number: `${placed.order_number}-R1`,
      order: placed.id,
      order_number: placed.order_number,
      status: "requested",
      reason: "damaged",
      comment: "Torn",
      currency: "USD",
      refund_amount: "0.00",
      exchange_order: null,
      received_at: null,
      lines: [{ line_id: placed.items[0].id, name: "Cap", quantity: 3, accepted_quantity: null }],
    })
    const own = await call("GET", `orders/${placed.id}/returns`, { as: customer })
    expect(own.body).toMatchObject({ count: 1, results: [asked.body] })
    const all = await call("GET", "admin/returns?status=requested", { as: staff })
    expect(all.body.results).toEqual([asked.body])
    const none = await call("GET", "admin/returns?status=approved", { as: staff })
    expect(none.body.count).toBe(0)
    const one = await call("GET", `admin/returns/${asked.body.return_number}`, { as: staff })
    expect(one.body).toEqual(asked.body)
    const [last] = await rows(
      'SELECT kind, "from", "to", note FROM order_changes ORDER BY version DESC LIMIT 1',
    )
    expect(last).toEqual({
      kind: "return",
      from: null,
      to: "requested",
      note: `Return ${placed.order_number}-R1.`,
    })
  })

  it("takes no more than was sent and not asked for yet", async () => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 4 }], { customer, staff })
    await env.DB.exec("UPDATE order_lines SET fulfilled_quantity = 3")
    expect((await ask(placed, [2], customer)).status).toBe(201)
    const refused = await ask(placed, [2], customer)
    expect(refused).toMatchObject({
      status: 409,
      body: {
        code: "not-returnable",
        detail: "Of Cap only 1 can be sent back.",
        lines: [{ line_id: placed.items[0].id, returnable: 1 }],
      },
    })
    expect((await ask(placed, [1], customer)).status).toBe(201)
    expect((await ask(placed, [1], customer)).status).toBe(409)
  })

  it("many times at once, comes to what was sent", async () => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 3 }], { customer, staff })
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => ask(placed, [1], customer)))
    const counts = tally(answers)
    expect(counts["201"]).toBeLessThanOrEqual(3)
    // Who lost five times in a row is told so, and asks again.
    while ((await ask(placed, [1], customer)).status === 201);
    expect(await rows("SELECT sum(quantity) AS n FROM return_lines")).toEqual([{ n: 3 }])
    const numbers = await rows<{ number: string }>("SELECT number FROM returns ORDER BY number")
    expect(numbers.map(({ number }) => number.slice(-2))).toEqual(["R1", "R2", "R3"])
  })

  it("with the same key twice is one request", async () => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 4 }], { customer, staff })
    const send = () =>
      call("POST", `orders/${placed.id}/returns`, {
        as: customer,
        headers: { "idempotency-key": "k" },
        body: { lines: [{ line_id: placed.items[0].id, quantity: 1 }], reason: "other" },
      })
    const [first, second] = [await send(), await send()]
    expect(second.body).toEqual(first.body)
    expect(await countOf("returns")).toBe(1)
  })

  it("is refused before it was sent, and of what is not sent by post", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product()
    const song = await make.product({ name: "Song", is_digital: true })
    const { body: pending } = await order([{ product_id: cap.id, quantity: 1 }], customer)
    expect(await ask(pending, [1], customer)).toMatchObject({
      status: 409,
      body: {
        code: "not-returnable",
        detail: "Of a pending order nothing of this can be sent back.",
      },
    })
    const both = [cap, song].map(({ id }) => ({ product_id: id, quantity: 1 }))
    const placed = await delivered(both, { customer, staff })
    expect((await ask(placed, [1, 1], customer)).body).toMatchObject({
      code: "not-returnable",
      lines: [{ line_id: placed.items[1].id, returnable: 0 }],
    })
    expect((await ask(placed, [1], customer)).status).toBe(201)
  })

  it("ends 30 days after delivery, but not for the staff", async () => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 4 }], { customer, staff })
    const set = (at: string) => env.DB.prepare("UPDATE orders SET delivered_at = ?").bind(at).run()
    const days = (n: number) => new Date(Date.now() - n * 86_400_000).toISOString()
    await set(days(29.9))
    expect((await ask(placed, [1], customer)).status).toBe(201)
    await set(days(30.1))
    const late = await ask(placed, [1], customer)
    expect(late).toMatchObject({ status: 409, body: { code: "return-window-over" } })
    expect((await ask(placed, [1], staff)).status).toBe(201)
  })

  it.each([
    ["nothing", {}, ["lines", "reason"]],
    ["no lines", { lines: [], reason: "other" }, ["lines"]],
    [
      "a reason that is none",
      { lines: [{ line_id: "LINE", quantity: 1 }], reason: "why" },
      ["reason"],
    ],
    [
      "a quantity of 0",
      { lines: [{ line_id: "LINE", quantity: 0 }], reason: "other" },
      ["lines.0.quantity"],
    ],
    [
      "half a quantity",
      { lines: [{ line_id: "LINE", quantity: 0.5 }], reason: "other" },
      ["lines.0.quantity"],
    ],
    [
      "a negative quantity",
      { lines: [{ line_id: "LINE", quantity: -1 }], reason: "other" },
      ["lines.0.quantity"],
    ],
    [
      "a line of nobody's",
      {
        lines: [
          { line_id: "orl_x", quantity: 1 },
          { line_id: "LINE", quantity: 1 },
          { line_id: "1", quantity: 1 },
        ],
        reason: "other",
      },
      ["lines.0.line_id", "lines.2.line_id"],
    ],
    [
      "a line twice",
      {
        lines: [
          { line_id: "LINE", quantity: 1 },
          { line_id: "LINE", quantity: 1 },
        ],
        reason: "other",
      },
      ["lines.1.line_id"],
    ],
    [
      "a comment too long",
      { lines: [{ line_id: "LINE", quantity: 1 }], reason: "other", comment: "x".repeat(1001) },
      ["comment"],
    ],
  ])("refuses %s, and changes nothing", async (_, body, fields) => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 1 }], { customer, staff })
    const refused = await call("POST", `orders/${placed.id}/returns`, {
      as: customer,
      body: JSON.parse(
        JSON.stringify(body).replaceAll('"LINE"', JSON.stringify(placed.items[0].id)),
      ),
    })
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-input" } })
    expect(fieldsOf(refused)).toEqual(fields)
    expect(await countOf("returns")).toBe(0)
  })

  it("is for the order's owner, or who holds its token", async () => {
    const { customer, staff, cap } = await people()
    const other = await make.user()
    const items = [{ product_id: cap.id, quantity: 1 }]
    const placed = await delivered(items, { customer, staff })
    expect((await ask(placed, [1], other)).status).toBe(404)
    expect((await call("GET", `orders/${placed.id}/returns`, { as: other })).status).toBe(404)
    const guests = await delivered(items, { staff })
    const line = { lines: [{ line_id: guests.items[0].id, quantity: 1 }], reason: "other" }
    const path = `orders/${guests.id}/returns`
    expect((await call("POST", path, { body: line })).status).toBe(401)
    const headers = { "x-order-token": guests.access_token as string }
    const asked = await call("POST", path, { headers, body: line })
    expect(asked.status).toBe(201)
    // Somebody else's line is no line of this order, and a return is found under its own order only.
    const foreign = await call("POST", `orders/${placed.id}/returns`, { as: customer, body: line })
    expect(fieldsOf(foreign)).toEqual(["lines.0.line_id"])
    const elsewhere = `orders/${placed.id}/returns/${asked.body.id}/cancel`
    expect((await call("POST", elsewhere, { as: customer })).status).toBe(404)
    const own = `orders/${guests.id}/returns/${asked.body.id}/cancel`
    expect(await call("POST", own, { headers })).toMatchObject({
      status: 200,
      body: { status: "cancelled" },
    })
  })
})

describe("what becomes of a return", () => {
  it("that is received: stock and money come back, to the cent", async () => {
    const { customer, staff, placed, cap, returned } = await approved(3)
    const received = await decide(returned.id, "receive", staff, {
      lines: [{ line_id: placed.items[0].id, accepted_quantity: 2 }],
      note: "One is torn",
    })
    expect(received).toMatchObject({
      status: 200,
      body: {
        status: "refunded",
        refund_amount: "20.00",
        note: "One is torn",
        lines: [{ quantity: 3, accepted_quantity: 2, restock: true, refund_amount: "20.00" }],
      },
    })
    expect((await stockOf(cap.id)).onHand).toBe(7)
    await deliverAll()
    expect((await stockOf(cap.id)).onHand).toBe(7)
    expect(await orderRow(placed.id)).toMatchObject({
      status: "delivered",
      payment_status: "partially_refunded",
      paid_amount: 4000,
      refunded_amount: 2000,
    })
    expect(await rows("SELECT returned_quantity FROM order_lines")).toEqual([
      { returned_quantity: 2 },
    ])
    // The one that was not accepted can be asked for again.
    expect((await ask(placed, [2], customer)).status).toBe(201)
    expect((await ask(placed, [1], customer)).status).toBe(409)
  })

  it("of everything makes the order refunded", async () => {
    const { staff, placed, cap, returned, customer } = await approved(4)
    await decide(returned.id, "receive", staff)
    await deliverAll()
    expect(await orderRow(placed.id)).toMatchObject({
      status: "refunded",
      payment_status: "refunded",
      refunded_amount: 4000,
    })
    expect((await stockOf(cap.id)).onHand).toBe(9)
    const tracked = await call("GET", `orders/${placed.id}/track`, { as: customer })
    expect(tracked.body.timeline.at(-1)).toMatchObject({ status: "refunded", completed: true })
    const changes = await rows<any>("SELECT * FROM order_changes ORDER BY version")
    const history = changes.map(({ order_id: orderId, created_at: createdAt, ...rest }) => ({
      ...rest,
      orderId,
      createdAt,
    }))
    expect(await isIntact(history, (await orderRow(placed.id))["version"] as number)).toBe(true)
  })

  it("that is not fit to be sold again is written off, and paid back all the same", async () => {
    const { staff, placed, cap, returned } = await approved(2)
    await decide(returned.id, "receive", staff, {
      lines: [{ line_id: placed.items[0].id, accepted_quantity: 2, restock: false }],
    })
    expect((await stockOf(cap.id)).onHand).toBe(5)
    const moved = await stockObject(cap.id).movements(cap.id as never, 2)
    expect(moved.map(({ delta, reason }) => [delta, reason])).toEqual([
      [-2, "damaged"],
      [2, "return"],
    ])
    expect(await orderRow(placed.id)).toMatchObject({ refunded_amount: 0 })
    await deliverAll()
    expect(await orderRow(placed.id)).toMatchObject({ refunded_amount: 2000 })
  })

  it("received piece by piece adds up to what was paid, discount, tax and shipping with it", async () => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 3 }], {
      customer,
      staff,
      paid: false,
    })
    // 30.00 − 1.00 + 2.03 tax + 5.00 shipping + 0.35 tax on it = 36.38; a third of 31.03 is no whole cent.
    await env.DB.batch([
      env.DB.prepare("UPDATE order_lines SET discount_amount = 100, tax_amount = 203"),
      env.DB.prepare(
        "UPDATE orders SET discount_amount = 100, tax_amount = 238, shipping_amount = 500, shipping_tax_amount = 35, total_amount = 3638, paid_amount = 3638, payment_status = 'paid'",
      ),
      env.DB.prepare("UPDATE payments SET amount = 3638, captured_amount = 3638, status = 'paid'"),
    ])
    const amounts: string[] = []
    for (const refund_shipping of [false, true, true]) {
      const { body } = await ask(placed, [1], customer)
      await decide(body.id, "approve", staff)
      const received = await decide(body.id, "receive", staff, { refund_shipping })
      amounts.push(`${received.body.refund_amount} ${received.body.refund_shipping_amount}`)
    }
    expect(amounts).toEqual(["10.34 0.00", "15.70 5.35", "10.34 0.00"])
    await deliverAll()
    expect(await orderRow(placed.id)).toMatchObject({ refunded_amount: 3638, status: "refunded" })
  })

  it("may be paid back with another amount, but never more than is left", async () => {
    const { staff, returned } = await approved(2)
    const much = await decide(returned.id, "receive", staff, { refund_amount: "40.01" })
    expect(much).toMatchObject({
      status: 409,
      body: { code: "refund-too-large", refundable: "40.00" },
    })
    expect(await rows("SELECT returned_quantity AS n FROM order_lines")).toEqual([{ n: 0 }])
    for (const refund_amount of ["x", "-1", "1.999", "1e3"]) {
      const refused = await decide(returned.id, "receive", staff, { refund_amount })
      expect(fieldsOf(refused)).toEqual(["refund_amount"])
    }
    const less = await decide(returned.id, "receive", staff, { refund_amount: 17.5 })
    expect(less.body).toMatchObject({ status: "refunded", refund_amount: "17.50" })
  })

  it("of an order that nobody paid is closed without money", async () => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 2 }], {
      customer,
      staff,
      paid: false,
    })
    const { body } = await ask(placed, [1], customer)
    await decide(body.id, "approve", staff)
    const received = await decide(body.id, "receive", staff)
    expect(received.body).toMatchObject({ status: "closed", refund_amount: "0.00" })
    expect(await countOf("refunds")).toBe(0)
    expect((await stockOf(cap.id)).onHand).toBe(8)
  })

  it("through a gateway is refunded once the gateway says so", async () => {
    const { staff, placed, returned } = await approved(1)
    await env.DB.exec("UPDATE payments SET provider = 'fake', gateway_ref = 'g1'")
    const received = await decide(returned.id, "receive", staff)
    expect(received.body).toMatchObject({
      status: "received",
      refund_amount: "10.00",
      closed_at: null,
    })
    const [row] = await ctx().db.select().from(refundTable)
    const answer = { status: "succeeded", ref: "re_1", failure: null } as never
    await recordRefund(ctx({ events: silentQueue }), row!, answer)
    await deliverAll("refund.changed")
    const get = () => call("GET", `admin/returns/${returned.id}`, { as: staff })
    expect((await get()).body).toMatchObject({ status: "refunded", closed_at: expect.any(String) })
    // Told again, it stays so.
    await decisions.refundChanged(ctx(), { refundId: row!.id })
    expect((await get()).body.status).toBe("refunded")
    expect(await orderRow(placed.id)).toMatchObject({ refunded_amount: 1000 })
  })

  it("whose refund fails waits for the staff", async () => {
    const { staff, returned } = await approved(1)
    await env.DB.exec("UPDATE payments SET provider = 'fake', gateway_ref = 'g1'")
    await decide(returned.id, "receive", staff)
    const [row] = await ctx().db.select().from(refundTable)
    const answer = { status: "failed", ref: "re_1", failure: "account closed" } as never
    await recordRefund(ctx({ events: silentQueue }), row!, answer)
    await deliverAll("refund.changed")
    const get = () => call("GET", `admin/returns/${returned.id}`, { as: staff })
    expect((await get()).body.status).toBe("received")
    const closed = await decide(returned.id, "close", staff, { note: "Paid in cash" })
    expect(closed.body).toMatchObject({ status: "closed", note: "Paid in cash" })
  })

  it("goes where the table says and nowhere else", async () => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 9 }], { customer, staff })
    const steps = ["approve", "reject", "receive", "close"] as const
    const ways: [string, (typeof steps)[number][], string[]][] = [
      ["requested", [], ["approve", "reject", "cancel"]],
      ["approved", ["approve"], ["reject", "receive", "cancel"]],
      ["rejected", ["reject"], []],
      ["refunded", ["approve", "receive"], []],
    ]
    for (const [status, path, allowed] of ways) {
      for (const next of [...steps, "cancel"] as const) {
        const { body } = await ask(placed, [1], customer)
        for (const step of path) await decide(body.id, step, staff)
        const answer =
          next === "cancel"
            ? await call("POST", `orders/${placed.id}/returns/${body.id}/cancel`, { as: customer })
            : await decide(body.id, next, staff)
        const told = answer.status === 200 ? "done" : `${answer.body.code} from ${answer.body.from}`
        const wanted = allowed.includes(next) ? "done" : `illegal-transition from ${status}`
        expect([status, next, told]).toEqual([status, next, wanted])
        await env.DB.exec("UPDATE order_lines SET returned_quantity = 0")
        await env.DB.exec("UPDATE returns SET status = 'cancelled'")
        await env.DB.exec("UPDATE payments SET refunded_amount = 0, status = 'paid'")
      }
    }
  })

  it.each([
    [
      "a line of another order",
      { lines: [{ line_id: "orl_x", accepted_quantity: 1 }] },
      ["lines.0.line_id"],
    ],
    [
      "more than was asked",
      { lines: [{ line_id: "LINE", accepted_quantity: 3 }] },
      ["lines.0.accepted_quantity"],
    ],
    [
      "less than nothing",
      { lines: [{ line_id: "LINE", accepted_quantity: -1 }] },
      ["lines.0.accepted_quantity"],
    ],
    [
      "half a thing",
      { lines: [{ line_id: "LINE", accepted_quantity: 0.5 }] },
      ["lines.0.accepted_quantity"],
    ],
    ["words", { lines: "all", refund_shipping: "yes" }, ["lines", "refund_shipping"]],
  ])("received with %s is refused, and changes nothing", async (_, body, fields) => {
    const { staff, placed, returned, cap } = await approved(2)
    const sent = JSON.parse(
      JSON.stringify(body).replaceAll('"LINE"', JSON.stringify(placed.items[0].id)),
    )
    const refused = await decide(returned.id, "receive", staff, sent)
    expect(refused.status).toBe(400)
    expect(fieldsOf(refused)).toEqual(fields)
    expect((await stockOf(cap.id)).onHand).toBe(5)
    expect(await countOf("refunds")).toBe(0)
  })
})

describe("receiving a return", () => {
  it("many times at once gives stock and money back once", async () => {
    const { staff, placed, cap, returned } = await approved(2)
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => decide(returned.id, "receive", staff)),
    )
    expect(tally(answers)).toEqual({ "200": 1, "409 illegal-transition": 5 })
    await deliverAll()
    expect((await stockOf(cap.id)).onHand).toBe(7)
    expect(await rows("SELECT amount FROM refunds")).toEqual([{ amount: 2000 }])
    expect(await orderRow(placed.id)).toMatchObject({ refunded_amount: 2000 })
  })

  it("while it is cancelled: one of the two happens", async () => {
    const { customer, staff, placed, cap, returned } = await approved(2)
    const [received, cancelled] = await Promise.all([
      decide(returned.id, "receive", staff),
      call("POST", `orders/${placed.id}/returns/${returned.id}/cancel`, { as: customer }),
    ])
    expect(tally([received, cancelled])).toEqual({ "200": 1, "409 illegal-transition": 1 })
    expect((await stockOf(cap.id)).onHand).toBe(received.status === 200 ? 7 : 5)
    expect(await countOf("refunds")).toBe(received.status === 200 ? 1 : 0)
  })

  it("of several returns of one order at once never pays back more than was paid", async () => {
    const { customer, staff, cap } = await people()
    const placed = await delivered([{ product_id: cap.id, quantity: 4 }], { customer, staff })
    const asked = []
    for (let n = 0; n < 4; n++) {
      const { body } = await ask(placed, [1], customer)
      await decide(body.id, "approve", staff)
      asked.push(body.id)
    }
    const answers = await Promise.all(
      asked.map((id) => decide(id, "receive", staff, { refund_amount: "15.00" })),
    )
    const paid = answers.filter(({ status }) => status === 200)
    expect(paid.length).toBeLessThanOrEqual(2)
    for (const id of asked) await decide(id, "receive", staff, { refund_amount: "15.00" })
    await deliverAll()
    expect(await rows("SELECT sum(amount) AS n FROM refunds")).toEqual([{ n: 3000 }])
    expect(await orderRow(placed.id)).toMatchObject({ refunded_amount: 3000 })
  })

  it("whose stock does not answer is finished by its event, once", async () => {
    const { placed, cap, returned } = await approved(2)
    const as = ctx({
      as: make.staff,
      events: silentQueue,
      stock: failingStock({ takeBack: 9 } as never),
    })
    const received = await decisions.receive(as, returned.id, ReturnReceipt.parse({}))
    await as.settled()
    expect(received.status).toBe("refunded")
    expect((await stockOf(cap.id)).onHand).toBe(5)
    await deliverAll("return.changed")
    await decisions.restock(ctx(), { returnId: received.id })
    expect((await stockOf(cap.id)).onHand).toBe(7)
    expect((await openEvents("return.changed")).length).toBe(0)
    expect((await orderRow(placed.id))["status"]).toBe("delivered")
  })

  it("that breaks in the middle changes nothing", async () => {
    const { staff, cap, returned } = await approved(2)
    await env.DB.exec(
      "CREATE TRIGGER broken BEFORE INSERT ON refunds BEGIN SELECT RAISE(ABORT, 'broken'); END",
    )
    expect((await decide(returned.id, "receive", staff)).status).toBe(500)
    await env.DB.exec("DROP TRIGGER broken")
    expect(await rows("SELECT status, refund_amount FROM returns")).toEqual([
      { status: "approved", refund_amount: 0 },
    ])
    expect(await rows("SELECT returned_quantity AS n FROM order_lines")).toEqual([{ n: 0 }])
    expect((await stockOf(cap.id)).onHand).toBe(5)
    expect((await decide(returned.id, "receive", staff)).status).toBe(200)
  })

  it("cannot record more than was sent, whoever tries", async () => {
    const { staff, returned } = await approved(2)
    await env.DB.exec("UPDATE order_lines SET fulfilled_quantity = 1")
    const refused = await decide(returned.id, "receive", staff)
    expect(refused).toMatchObject({ status: 409, body: { code: "not-returnable" } })
    expect(await countOf("refunds")).toBe(0)
  })
})
