import { afterEach, describe, expect, it, vi } from "vitest"

import { expireUnpaid } from "#modules/checkout/expiry.ts"

import { call } from "../support/api.ts"
import { creditOf, expectSound, giftCard, grant, left, pay, paymentsOf } from "../support/credit.ts"
import { ctx } from "../support/ctx.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { ask, decide, delivered } from "../support/returns.ts"
import {
  countOf,
  fieldsOf,
  order,
  roundTrips,
  rows,
  settleAll,
  stockOf,
  tally,
} from "../support/shop.ts"

afterEach(expectSound)

const minutes = 60_000
const later = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms })

/** A customer, a member of the staff and a product of 10.00, of which there are 40. */
async function people() {
  const [buyer, staff] = [await make.user(), await make.user("staff")]
  const cap = await make.product({ name: "Cap", price: "10.00", stock_quantity: 40 })
  const items = (quantity: number) => [{ product_id: cap.id, quantity }]
  return { buyer, staff, cap, items }
}

/** What an order says of itself and its money. */
async function shown(id: string) {
  const [row] = await rows(
    "SELECT status, payment_status AS payment, paid_amount AS paid, refunded_amount AS refunded FROM orders WHERE id = ?",
    id,
  )
  return row
}

describe("a gift card of 50.00", () => {
  it("hit by 20 orders of 10.00 at once pays exactly 5", async () => {
    const { cap, items } = await people()
    const { code } = await giftCard()
    const buyers = await Promise.all(Array.from({ length: 20 }, () => make.user()))
    const answers = await Promise.all(
      buyers.map((buyer) => order(items(1), buyer, { gift_cards: [code] })),
    )
    const counts = tally(answers)
    expect(counts["201"]).toBe(5)
    expect((counts["409 credit-changed"] ?? 0) + (counts["400 gift-card-not-valid"] ?? 0)).toBe(15)
    expect(await left(code)).toBe("0.00")
    expect(
      await rows("SELECT status, payment_status AS payment, paid_amount AS paid FROM orders"),
    ).toEqual(
      Array.from({ length: 5 }, () => ({ status: "confirmed", payment: "paid", paid: 1000 })),
    )
    await settleAll()
    expect(await stockOf(cap.id)).toEqual({ onHand: 35, held: 0, available: 35 })
  })

  it("hit by 20 payments of 10.00 at once, of 20 orders, pays exactly 5", async () => {
    const { buyer, items } = await people()
    const { code } = await giftCard()
    const orders: string[] = []
    for (let n = 0; n < 20; n++) orders.push((await order(items(1), buyer)).body.id)
    const answers = await Promise.all(orders.map((id) => pay(id, { gift_card: code }, buyer)))
    expect(tally(answers)["201"]).toBe(5)
    expect(await left(code)).toBe("0.00")
    expect(await rows("SELECT count(*) AS n FROM orders WHERE status = 'confirmed'")).toEqual([
      { n: 5 },
    ])
  })

  it("is not spent twice by 10 payments of one order at once", async () => {
    const { buyer, items } = await people()
    const { code } = await giftCard()
    const { body } = await order(items(2), buyer)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => pay(body.id, { gift_card: code }, buyer)),
    )
    expect(tally(answers)["201"]).toBe(1)
    expect(await left(code)).toBe("30.00")
    await settleAll()
    expect(await shown(body.id)).toEqual({
      status: "confirmed",
      payment: "paid",
      paid: 2000,
      refunded: 0,
    })
  })

  it("pays no more than the other half by 10 payments of a half at once", async () => {
    const { buyer, items } = await people()
    const { code } = await giftCard()
    const { body } = await order(items(2), buyer)
    expect((await pay(body.id, { amount: "10.00", gift_card: code }, buyer)).status).toBe(201)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => pay(body.id, { amount: "10.00", gift_card: code }, buyer)),
    )
    expect(tally(answers)["201"]).toBe(1)
    expect(await left(code)).toBe("30.00")
  })

  it("and store credit of 50.00, hit by 20 orders of 10.00 at once, pay exactly 100.00", async () => {
    const { buyer, items } = await people()
    await grant(buyer, "50.00")
    const { code } = await giftCard()
    await Promise.all(
      Array.from({ length: 20 }, () =>
        order(items(1), buyer, { gift_cards: [code], use_store_credit: true }),
      ),
    )
    for (let n = 0; n < 10; n++) await order(items(1), buyer, { use_store_credit: true })
    const paid = await rows(
      "SELECT provider, sum(captured_amount) AS n FROM payments WHERE status = 'paid' GROUP BY provider ORDER BY provider",
    )
    expect(paid.at(-1)).toEqual({ provider: "store_credit", n: 5000 })
    expect(await creditOf(buyer)).toBe("0.00")
  })
})

describe("an order that gift cards and store credit cover", () => {
  it("is paid, confirmed and sold with the answer, each holder for its part", async () => {
    const { buyer, cap, items } = await people()
    const [first, second] = [await giftCard({ amount: "5.00" }), await giftCard({ amount: "7.00" })]
    await grant(buyer, "50.00")
    const answer = await order(items(3), buyer, {
      gift_cards: [first.code, second.code],
      use_store_credit: true,
      payment_method: "fake",
    })
    expect(answer).toMatchObject({
      status: 201,
      body: {
        status: "confirmed",
        payment_status: "paid",
        paid_amount: "30.00",
        amount_due: "0.00",
        payment: null,
        tenders: [
          { method: "gift_card", last4: first.last4, amount: "5.00" },
          { method: "gift_card", last4: second.last4, amount: "7.00" },
          { method: "store_credit", last4: null, amount: "18.00" },
        ],
      },
    })
    expect([await left(first.code), await left(second.code), await creditOf(buyer)]).toEqual([
      "0.00",
      "0.00",
      "32.00",
    ])
    const { id } = answer.body
    const opened = await call("GET", `orders/${id}`, { as: buyer })
    expect(opened.body.payments.map(({ provider, last4 }: any) => [provider, last4])).toEqual([
      ["store_credit", undefined],
      ["gift_card", second.last4],
      ["gift_card", first.last4],
    ])
    const history = await call("GET", `orders/${id}/history`, { as: buyer })
    expect(history.body.results.map(({ kind, from, to }: any) => [kind, from, to])).toEqual([
      ["placed", null, "pending"],
      ["status", "pending", "confirmed"],
    ])
    expect(await stockOf(cap.id)).toEqual({ onHand: 37, held: 0, available: 37 })
    await settleAll()
    expect(await shown(id)).toMatchObject({ status: "confirmed", payment: "paid" })
    expect((await call("GET", "admin/audit/verify", { as: await make.user("admin") })).status).toBe(
      200,
    )
  })

  it("and holds nothing but files is delivered with it", async () => {
    const { buyer } = await people()
    const song = await make.product({ price: "3.00", is_digital: true })
    const { code } = await giftCard()
    const answer = await order([{ product_id: song.id, quantity: 1 }], buyer, {
      gift_cards: [code],
    })
    expect(answer.body).toMatchObject({ status: "delivered", payment_status: "paid" })
    expect(answer.body.items[0].fulfilled_quantity).toBe(1)
  })

  it("is the same once more by its idempotency key, and takes nothing twice", async () => {
    const { buyer, items } = await people()
    const { code } = await giftCard()
    const once = { "idempotency-key": "k1" }
    const send = () => order(items(1), buyer, { gift_cards: [code] }, once)
    const [one, two] = [await send(), await send()]
    expect(two.body).toEqual(one.body)
    expect(await left(code)).toBe("40.00")
  })

  it("costs a guest one round trip more than one without, which costs what it did", async () => {
    const { items } = await people()
    const { code } = await giftCard()
    const plain = await order(items(1))
    const cards = await order(items(1), undefined, { gift_cards: [code] })
    expect([roundTrips(plain), roundTrips(cards)]).toEqual([4, 5])
  })

  it("gives each back once when it is cancelled, however often and by however many at once", async () => {
    const { buyer, staff, items } = await people()
    const card = await giftCard()
    await grant(buyer, "5.00")
    const { body } = await order(items(5), buyer, { gift_cards: [card.code] })
    const other = await order(items(1), buyer, { use_store_credit: true })
    expect(other.body).toMatchObject({ amount_due: "5.00", payment: { amount: "5.00" } })
    // What is disabled pays nothing, and gets back what it paid.
    await call("PATCH", `admin/gift-cards/${card.id}`, { as: staff, body: { status: "disabled" } })
    const answers = await Promise.all(
      [body.id, body.id, body.id, other.body.id, other.body.id].map((id) =>
        call("POST", `orders/${id}/cancel`, { as: buyer }),
      ),
    )
    expect(tally(answers)["200"]).toBe(2)
    await settleAll()
    expect([await left(card.code), await creditOf(buyer)]).toEqual(["50.00", "5.00"])
    expect(await shown(body.id)).toEqual({
      status: "cancelled",
      payment: "refunded",
      paid: 5000,
      refunded: 5000,
    })
    expect(await rows("SELECT status FROM refunds")).toEqual([
      { status: "succeeded" },
      { status: "succeeded" },
    ])
  })
})

describe("an order of which a gift card pays a part", () => {
  it("waits for the gateway to be paid the rest, and is confirmed then", async () => {
    const gateway = standUp()
    const { buyer, staff, cap, items } = await people()
    const { code } = await giftCard({ amount: "20.00" })
    const answer = await order(items(3), buyer, { gift_cards: [code], payment_method: "fake" })
    const { id } = answer.body
    expect(answer.body).toMatchObject({
      status: "pending",
      payment_status: "unpaid",
      paid_amount: "20.00",
      amount_due: "10.00",
      payment: { provider: "fake", amount: "10.00", status: "unpaid" },
    })
    await settleAll()
    expect(await stockOf(cap.id)).toEqual({ onHand: 40, held: 3, available: 37 })
    const early = await call("PATCH", `orders/${id}/status`, {
      as: staff,
      body: { status: "confirmed" },
    })
    expect([early.status, early.body.code]).toEqual([409, "order-unpaid"])
    gateway.pay()
    await gateway.send()
    await settleAll()
    expect(await shown(id)).toEqual({
      status: "confirmed",
      payment: "paid",
      paid: 3000,
      refunded: 0,
    })
    expect(await paymentsOf(id)).toEqual([
      { provider: "gift_card", status: "paid", amount: 2000, captured: 2000, refunded: 0 },
      { provider: "fake", status: "paid", amount: 1000, captured: 1000, refunded: 0 },
    ])
    expect(await stockOf(cap.id)).toEqual({ onHand: 37, held: 0, available: 37 })
  })

  it("and nobody the rest is cancelled when its time is over, and the card has it back, once", async () => {
    standUp()
    const { buyer, cap, items } = await people()
    const { code } = await giftCard({ amount: "20.00" })
    const { body } = await order(items(3), buyer, { gift_cards: [code], payment_method: "fake" })
    later(31 * minutes)
    await Promise.all([
      expireUnpaid(ctx({ now: new Date() })),
      expireUnpaid(ctx({ now: new Date() })),
    ])
    await settleAll()
    expect(await shown(body.id)).toEqual({
      status: "cancelled",
      payment: "refunded",
      paid: 2000,
      refunded: 2000,
    })
    expect(await left(code)).toBe("20.00")
    expect((await stockOf(cap.id)).available).toBe(40)
  })

  it("stays unsold while it is not paid, even when the part is given back", async () => {
    standUp()
    const { buyer, staff, items } = await people()
    const { code } = await giftCard({ amount: "20.00" })
    const { body } = await order(items(3), buyer, { gift_cards: [code], payment_method: "fake" })
    const back = await call("POST", "payments/refunds", {
      as: staff,
      body: { order: body.id, reason: "Asked for" },
    })
    expect(back.body.refunds).toMatchObject([{ amount: "20.00", status: "succeeded" }])
    await settleAll()
    const move = await call("PATCH", `orders/${body.id}/status`, {
      as: staff,
      body: { status: "confirmed" },
    })
    expect([move.status, move.body.code]).toEqual([409, "order-unpaid"])
    later(31 * minutes)
    await expireUnpaid(ctx({ now: new Date() }))
    expect(await shown(body.id)).toMatchObject({ status: "cancelled" })
  })
})

describe("a gift card that is asked for", () => {
  it("and is none, or disabled, expired, used up, or of another currency, orders nothing", async () => {
    const { buyer, staff, items } = await people()
    const [disabled, expired, empty, euros] = [
      await giftCard(),
      await giftCard({ expires_at: new Date(Date.now() + minutes).toISOString() }),
      await giftCard({ amount: "10.00" }),
      await giftCard({ currency: "EUR" }),
    ]
    await call("PATCH", `admin/gift-cards/${disabled.id}`, {
      as: staff,
      body: { status: "disabled" },
    })
    await order(items(1), buyer, { gift_cards: [empty.code] })
    later(2 * minutes)
    const before = await countOf("orders")
    for (const [code, reason] of [
      ["7K3M-9QXA-2B4C-6D8E-0F1G", "unknown"],
      [disabled.code, "disabled"],
      [expired.code, "expired"],
      [empty.code, "used-up"],
      [euros.code, "other-currency"],
    ]) {
      const answer = await order(items(1), buyer, { gift_cards: [code] })
      expect([answer.status, answer.body.code, answer.body.reason]).toEqual([
        400,
        "gift-card-not-valid",
        reason,
      ])
      expect(fieldsOf(answer)).toEqual(["gift_cards.0"])
      const quote = await call("POST", "checkout/quote", {
        as: buyer,
        body: { items: items(1), gift_cards: [code] },
      })
      expect(quote.body).toMatchObject({
        tenders: [],
        amount_due: "10.00",
        refused_gift_cards: [{ last4: code?.slice(-4), reason }],
      })
    }
    expect(await countOf("orders")).toBe(before)
  })

  it("may be written in any way, and twice is once", async () => {
    const { buyer, items } = await people()
    const { code } = await giftCard()
    const spelled = ` ${code.replaceAll("-", " ").toLowerCase().replaceAll("0", "o").replaceAll("1", "l")} `
    const { body } = await order(items(6), buyer, { gift_cards: [spelled, code] })
    expect(body).toMatchObject({ tenders: [{ amount: "50.00" }], amount_due: "10.00" })
  })

  it("that is emptied while the order is on its way orders nothing, and holds no stock", async () => {
    const { cap, items } = await people()
    const { code } = await giftCard({ amount: "10.00" })
    const buyers = [await make.user(), await make.user()]
    const answers = await Promise.all(
      buyers.map((one) => order(items(1), one, { gift_cards: [code] })),
    )
    expect(tally(answers)["201"]).toBe(1)
    expect(await countOf("orders")).toBe(1)
    await settleAll()
    expect(await stockOf(cap.id)).toEqual({ onHand: 39, held: 0, available: 39 })
  })

  it("shows in quotes and validations what it would pay", async () => {
    const { buyer, items } = await people()
    const { code, last4 } = await giftCard({ amount: "4.00" })
    await grant(buyer, "5.00")
    const body = { items: items(1), gift_cards: [code], use_store_credit: true }
    const expected = {
      tenders: [
        { method: "gift_card", last4, amount: "4.00" },
        { method: "store_credit", last4: null, amount: "5.00" },
      ],
      amount_due: "1.00",
    }
    expect((await call("POST", "checkout/quote", { as: buyer, body })).body).toMatchObject(expected)
    const address = {
      first_name: "A",
      last_name: "B",
      street: "C",
      city: "D",
      postal_code: "E",
      country: "GB",
    }
    const checked = await call("POST", "checkout/validate", {
      as: buyer,
      body: { ...body, shipping_address: address },
    })
    expect(checked).toMatchObject({ status: 200, body: { valid: true, ...expected } })
    const bad = await call("POST", "checkout/validate", {
      as: buyer,
      body: { ...body, gift_cards: [code, "nope"], shipping_address: address },
    })
    expect([bad.status, fieldsOf(bad), bad.body.amount_due]).toEqual([
      400,
      ["gift_cards.1"],
      "1.00",
    ])
    expect(await left(code)).toBe("4.00")
    // A guest has no store credit, and asks for none in vain.
    const guest = await order(items(1), undefined, { gift_cards: [code], use_store_credit: true })
    expect(guest.body).toMatchObject({ tenders: [{ amount: "4.00" }], amount_due: "6.00" })
  })

  it("cannot be chosen as the method of an order", async () => {
    const { buyer, items } = await people()
    for (const method of ["gift_card", "store_credit"]) {
      const answer = await order(items(1), buyer, { payment_method: method })
      expect([answer.status, fieldsOf(answer)]).toEqual([400, ["payment_method"]])
    }
  })
})

describe("money that goes back", () => {
  it("goes the way it came, the last payment first, and credit is there at once", async () => {
    const { buyer, staff, items } = await people()
    const { code } = await giftCard({ amount: "10.00" })
    await grant(buyer, "15.00")
    const { body } = await order(items(3), buyer, { gift_cards: [code], use_store_credit: true })
    await call("POST", `payments/${body.payment.id}/mark-paid`, { as: staff })
    await settleAll()
    const refund = async (amount: string) => {
      const { body: made } = await call("POST", "payments/refunds", {
        as: staff,
        body: { order: body.id, amount, reason: "Broken" },
      })
      return made.refunds.map((one: any) => [one.amount, one.status, one.to])
    }
    expect(await refund("7.00")).toEqual([
      ["5.00", "succeeded", "source"],
      ["2.00", "succeeded", "source"],
    ])
    expect([await creditOf(buyer), await left(code)]).toEqual(["2.00", "0.00"])
    expect(await refund("20.00")).toHaveLength(2)
    expect([await creditOf(buyer), await left(code)]).toEqual(["15.00", "7.00"])
    const { body: page } = await call("GET", "users/me/store-credit", { as: buyer })
    expect(page.results.map(({ kind, amount, balance }: any) => [kind, amount, balance])).toEqual([
      ["refunded", "13.00", "15.00"],
      ["refunded", "2.00", "2.00"],
      ["spent", "-15.00", "0.00"],
      ["adjusted", "15.00", "15.00"],
    ])
  })

  it("never comes to more than was captured, by 20 refunds of 10.00 to store credit at once", async () => {
    const gateway = standUp({ payAtOnce: true })
    const { buyer, staff, items } = await people()
    const { body } = await order(items(5), buyer, { payment_method: "fake" })
    await settleAll()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        call("POST", "payments/refunds", {
          as: staff,
          body: { order: body.id, amount: "10.00", reason: "Sorry", to: "store_credit" },
        }),
      ),
    )
    expect(tally(answers)["201"]).toBe(5)
    await settleAll()
    expect(await creditOf(buyer)).toBe("50.00")
    expect(await shown(body.id)).toMatchObject({ refunded: 5000 })
    // The gateway keeps what it has: nobody asked it for anything back.
    expect(gateway.asked).toEqual(["POST /v1/payments"])
    const books = await rows(
      "SELECT sum(CASE WHEN debit = 'gateway:fake' THEN amount ELSE -amount END) AS n FROM ledger_transfers WHERE 'gateway:fake' IN (debit, credit)",
    )
    expect(books).toEqual([{ n: 5000 }])
    const analytics = await call("GET", "admin/payments/analytics", { as: staff })
    expect(analytics.body.by_provider).toMatchObject([
      { provider: "fake", volume: "50.00", refunds: 0, net: "50.00" },
      { provider: "store_credit", volume: "0.00", refunds: 5, refunded: "50.00", net: "-50.00" },
    ])
    expect(analytics.body.totals).toMatchObject([
      { volume: "50.00", refunded: "50.00", net: "0.00" },
    ])
  })

  it("cannot be store credit of somebody without an account", async () => {
    const { staff, items } = await people()
    const { body } = await order(items(1))
    await call("POST", `payments/${body.payment.id}/mark-paid`, { as: staff })
    const answer = await call("POST", "payments/refunds", {
      as: staff,
      body: { order: body.id, reason: "Sorry", to: "store_credit" },
    })
    expect([answer.status, answer.body.code]).toEqual([409, "store-credit-unavailable"])
    expect(await countOf("refunds")).toBe(0)
  })

  it("for a return is store credit where staff say so", async () => {
    const { buyer, staff, items } = await people()
    const placed = await delivered(items(2), { customer: buyer, staff })
    const { body: asked } = await ask(placed, [1], buyer)
    await decide(asked.id, "approve", staff)
    const received = await decide(asked.id, "receive", staff, { refund_to: "store_credit" })
    expect(received.body).toMatchObject({ status: "refunded", refund_amount: "10.00" })
    expect(await creditOf(buyer)).toBe("10.00")
    await settleAll()
    expect(await shown(placed.id)).toMatchObject({ payment: "partially_refunded", refunded: 1000 })
  })
})
