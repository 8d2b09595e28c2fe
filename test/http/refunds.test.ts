import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import { booksOf } from "../support/books.ts"
import * as make from "../support/make.ts"
import { countOf, fieldsOf, move, order, rows, settleAll, stockOf, tally } from "../support/shop.ts"

/** A delivered order of three caps and a mug, with ten per cent tax, paid by invoice: 33.00 + 5.50. */
async function delivered() {
  const [customer, staff] = [await make.user(), await make.user("staff")]
  await call("POST", "admin/tax/rates", {
    as: staff,
    body: { name: "VAT", country: "*", rate: "10" },
  })
  const cap = await make.product({ name: "Cap", price: "10.00", stock_quantity: 9 })
  const mug = await make.product({ name: "Mug", price: "5.00", stock_quantity: 9 })
  const placed = await order(
    [
      { product_id: cap.id, quantity: 3 },
      { product_id: mug.id, quantity: 1 },
    ],
    customer,
  )
  expect(placed.status).toBe(201)
  const { id, items } = placed.body
  const [payment] = await rows<{ id: string }>("SELECT id FROM payments WHERE reference = ?", id)
  await call("POST", `payments/${payment?.id}/mark-paid`, { as: staff })
  await move(id, staff, "confirmed", "processing", "shipped", "delivered")
  await settleAll()
  const [caps, mugs] = items as { id: string }[]
  return { staff, customer, cap, mug, id: id as string, caps: caps!.id, mugs: mugs!.id }
}

const give = (as: { access: string }, body: Record<string, unknown>) =>
  call("POST", "payments/refunds", { as, body: { reason: "Broken", ...body } })

describe("refunds", () => {
  it("of lines give back what was paid for them, tax in proportion, and take them into stock when told", async () => {
    const { staff, cap, mug, id, caps, mugs } = await delivered()
    expect(await booksOf(id)).toEqual({ cash: 3850, sales: -3500, tax: -350 })
    const first = await give(staff, {
      order: id,
      lines: [{ line: caps, quantity: 2 }],
      restock: true,
    })
    expect(first.status).toBe(201)
    expect(first.body.refunds).toMatchObject([{ amount: "22.00", status: "succeeded" }])
    await settleAll()
    expect(await booksOf(id)).toEqual({ cash: 1650, sales: -1500, tax: -150 })
    expect((await stockOf(cap.id)).onHand).toBe(8)
    const second = await give(staff, { order: id, lines: [{ line_id: mugs, quantity: 1 }] })
    expect(second.body.refunds).toMatchObject([{ amount: "5.50" }])
    await settleAll()
    expect((await stockOf(mug.id)).onHand).toBe(8)
    expect(await rows("SELECT status FROM returns")).toEqual([
      { status: "refunded" },
      { status: "refunded" },
    ])
    const rest = await give(staff, { order: id })
    expect(rest.body).toMatchObject({ refunds: [{ amount: "11.00" }], return: null })
    await settleAll()
    expect(await booksOf(id)).toEqual({})
    expect((await call("GET", `orders/${id}`, { as: staff })).body).toMatchObject({
      status: "refunded",
      payment_status: "refunded",
      refunded_amount: "38.50",
    })
  })

  it("never give back a thing twice, and change nothing when refused", async () => {
    const { staff, cap, id, caps } = await delivered()
    const lines = [{ line_id: caps, quantity: 2 }]
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => give(staff, { order: id, lines, restock: true })),
    )
    expect(tally(answers)).toEqual({ "201": 1, "409 not-returnable": 4 })
    await settleAll()
    expect(await countOf("refunds")).toBe(1)
    expect((await stockOf(cap.id)).onHand).toBe(8)
    const unknown = await give(staff, {
      order: id,
      lines: [
        { line_id: "orl_none", quantity: 1 },
        { line_id: caps, quantity: 1 },
        { line_id: caps, quantity: 1 },
      ],
    })
    expect([unknown.status, fieldsOf(unknown)]).toEqual([
      400,
      ["lines.0.line_id", "lines.2.line_id"],
    ])
    expect((await give(staff, { order: id, lines: [] })).status).toBe(400)
    expect(await countOf("returns")).toBe(1)
  })

  it("with restock and no lines take all back that was sent", async () => {
    const { staff, cap, mug, id } = await delivered()
    const back = await give(staff, { order: id, restock: true })
    expect(back.body).toMatchObject({ refunds: [{ amount: "38.50" }] })
    await settleAll()
    expect([(await stockOf(cap.id)).onHand, (await stockOf(mug.id)).onHand]).toEqual([9, 9])
    expect((await give(staff, { order: id, restock: true })).body.code).toBe("not-returnable")
  })

  it("of things that were not sent are refused: they are taken out of the order", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product({ stock_quantity: 9 })
    const { body } = await order([{ product_id: cap.id, quantity: 1 }], customer)
    const answer = await give(staff, {
      order: body.id,
      lines: [{ line_id: body.items[0].id, quantity: 1 }],
    })
    expect([answer.status, answer.body.code]).toEqual([409, "not-returnable"])
  })

  it("in many odd pieces at once split the tax to the last cent", async () => {
    const { staff, id } = await delivered()
    const pieces = ["3.33", "7.77", "0.01", "11.11", "5.55", "10.73"]
    const answers = await Promise.all(pieces.map((amount) => give(staff, { order: id, amount })))
    expect(tally(answers)).toEqual({ "201": 6 })
    expect(await rows("SELECT sum(amount) AS a, sum(tax_amount) AS t FROM refunds")).toEqual([
      { a: 3850, t: 350 },
    ])
    await settleAll()
    expect(await booksOf(id)).toEqual({})
  })
})

it.each([
  ["{}", ["payment", "reason"]],
  [`{"payment":"a","order":"b","reason":""}`, ["payment", "reason"]],
  ["[]", ["body"]],
  ["null", ["body"]],
])("of %s names everything that is wrong with it", async (body, fields) => {
  const answer = await call("POST", "payments/refunds", {
    as: await make.user("staff"),
    body,
    headers: { "content-type": "application/json" },
  })
  expect(answer.status).toBe(400)
  expect(fieldsOf(answer)).toEqual(fields)
})
