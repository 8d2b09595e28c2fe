import { afterEach, describe, expect, it, vi } from "vitest"

import { call } from "../support/api.ts"
import { creditOf, expectSound, giftCard, grant, left } from "../support/credit.ts"
import { mailOf } from "../support/mail.ts"
import * as make from "../support/make.ts"
import { person, secret } from "../support/people.ts"
import { fieldsOf, order, rows, tally } from "../support/shop.ts"
import { expectProblem, send } from "../support/wire.ts"

afterEach(expectSound)

const code = /^[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){4}$/

describe("a gift card", () => {
  it("is made by staff; its code is shown once, and kept nowhere", async () => {
    const staff = await make.user("staff")
    const once = { "idempotency-key": "card" }
    const body = { amount: "50", note: "Raffle", expires_at: "2099-12-31T23:59:59+01:00" }
    const issue = () => call("POST", "admin/gift-cards", { as: staff, body, headers: once })
    const made = await issue()
    expect(made).toMatchObject({
      status: 201,
      body: {
        code: expect.stringMatching(code),
        currency: "USD",
        initial_amount: "50.00",
        balance: "50.00",
        status: "active",
        standing: "active",
        expires_at: "2099-12-31T22:59:59.000Z",
        recipient_email: null,
        version: 1,
      },
    })
    expect((await issue()).body).toEqual(made.body)
    const { code: _code, ...rest } = made.body
    const path = `admin/gift-cards/${made.body.id}`
    expect((await call("GET", path, { as: staff })).body).toEqual(rest)
    const bare = made.body.code.replaceAll("-", "").toLowerCase()
    const dump = JSON.stringify([
      await rows("SELECT * FROM gift_cards"),
      await rows("SELECT * FROM credit_entries"),
      await rows("SELECT * FROM outbox"),
      await rows("SELECT * FROM audit"),
      await rows("SELECT * FROM idempotency"),
    ]).toLowerCase()
    for (const secretText of [bare, made.body.code.toLowerCase(), bare.slice(0, 16)])
      expect(dump).not.toContain(secretText)
    expect(await rows("SELECT action, details FROM audit WHERE action LIKE 'gift%'")).toEqual([
      {
        action: "gift-card.issued",
        details: JSON.stringify({ gift_card: made.body.id, amount: "50.00 USD" }),
      },
    ])
  })

  it("has a code of its own", async () => {
    const codes = new Set<string>()
    for (let n = 0; n < 20; n++) codes.add((await giftCard()).code)
    expect(codes.size).toBe(20)
  })

  it("is mailed with its code to its recipient, once", async () => {
    const made = await giftCard({ recipient_email: "Ada@Nexus.test", message: "Thank you <b>" })
    const mail = await mailOf("ada@nexus.test", "gift-card")
    expect(mail.text).toContain(`Code: ${made.code}`)
    expect(mail.text).toContain("50.00 USD")
    expect(mail.html).toContain("Thank you &lt;b&gt;")
    await mailOf("ada@nexus.test", "gift-card")
  })

  it("says every field that is wrong at once", async () => {
    const staff = await make.user("staff")
    const issue = (body: unknown) => call("POST", "admin/gift-cards", { as: staff, body })
    const wrong = await issue({
      amount: "-1",
      currency: "XXX",
      expires_at: "tomorrow",
      recipient_email: "nobody",
    })
    expect([wrong.status, fieldsOf(wrong)]).toEqual([
      400,
      ["amount", "currency", "expires_at", "recipient_email"],
    ])
    const past = await issue({ amount: "1.001", expires_at: "2020-01-01T00:00:00Z" })
    expect([past.status, fieldsOf(past)]).toEqual([400, ["amount", "expires_at"]])
    expect((await issue({ amount: "1.5", currency: "JPY" })).status).toBe(400)
    expect((await issue({ amount: "1500", currency: "JPY" })).body.balance).toBe("1500")
    expect(await rows("SELECT id FROM gift_cards")).toHaveLength(1)
  })

  it("is adjusted for a reason, never below nothing, by 20 at once as by one", async () => {
    const [staff, card] = [await make.user("staff"), await giftCard()]
    const adjust = (delta: unknown, reason = "Mistake") =>
      call("POST", `admin/gift-cards/${card.id}/adjust`, { as: staff, body: { delta, reason } })
    expect((await adjust("+12.50")).body.balance).toBe("62.50")
    expect((await adjust("-12.5")).body.balance).toBe("50.00")
    for (const delta of ["0", "-0.00", "1e2", "x", "", "-50.01", "1.001", null]) {
      const answer = await adjust(delta)
      expect([delta, answer.status, fieldsOf(answer)]).toEqual([delta, 400, ["delta"]])
    }
    expect(fieldsOf(await adjust("1", " "))).toEqual(["reason"])
    const answers = await Promise.all(Array.from({ length: 20 }, () => adjust("-10.00")))
    expect(tally(answers)["200"]).toBe(5)
    expect(await left(card.code)).toBe("0.00")
    const { body } = await call("GET", `admin/gift-cards/${card.id}/entries?page_size=3`, {
      as: staff,
    })
    expect(body).toMatchObject({ count: 8, results: [{ kind: "adjusted" }, {}, {}] })
    expect(await rows("SELECT action FROM audit WHERE action = 'gift-card.adjusted'")).toHaveLength(
      7,
    )
  })

  it("is changed by whoever saw it as it is, and listed by what staff know of it", async () => {
    const staff = await make.user("staff")
    const card = await giftCard({ recipient_email: "ada@nexus.test" })
    const other = await giftCard()
    const path = `admin/gift-cards/${card.id}`
    const { headers } = await call("GET", path, { as: staff })
    const match = { "if-match": headers.get("etag") ?? "" }
    const disable = () =>
      call("PATCH", path, { as: staff, body: { status: "disabled" }, headers: match })
    expect((await disable()).body).toMatchObject({ status: "disabled", version: 2 })
    expectProblem(await disable(), 412, "stale")
    const found = async (query: string) =>
      (await call("GET", `admin/gift-cards?${query}`, { as: staff })).body.results.map(
        ({ id }: { id: string }) => id,
      )
    expect(await found("status=disabled")).toEqual([card.id])
    expect(await found("recipient_email=ADA@nexus.test")).toEqual([card.id])
    expect(await found(`last4=${other.last4.toLowerCase()}`)).toContain(other.id)
    expect(new Set(await found(""))).toEqual(new Set([card.id, other.id]))
    expect((await call("GET", "admin/gift-cards?last4=1", { as: staff })).status).toBe(400)
    expect(JSON.stringify(await found("status=active"))).not.toContain(card.id)
  })
})

describe("the balance of a gift card", () => {
  it("is told to whoever knows its code, and nothing else is", async () => {
    const { code: text, last4, ...card } = await giftCard()
    const answer = await call("POST", "gift-cards/balance", { body: { code: text.toLowerCase() } })
    expect([answer.status, answer.body]).toEqual([
      200,
      { last4, currency: "USD", balance: "50.00", standing: "active", expires_at: null },
    ])
    for (const wrong of [text.slice(0, -1), `${text}0`, last4, card.id, "%"])
      expectProblem(
        await call("POST", "gift-cards/balance", { body: { code: wrong } }),
        404,
        "not-found",
      )
  })

  it("is not found by trying: twenty tries a minute, wherever they are made", async () => {
    const over = { RATE_LIMITS: "on" }
    const headers = { "cf-connecting-ip": "203.0.113.9" }
    const cap = await make.product()
    const tries = [
      () => send("POST", "gift-cards/balance", { over, headers, body: { code: "WRONG" } }),
      () =>
        send("POST", "checkout/quote", {
          over,
          headers,
          body: { items: [{ product_id: cap.id, quantity: 1 }], gift_cards: ["WRONG"] },
        }),
    ]
    const statuses: number[] = []
    for (let n = 0; n < 22; n++) statuses.push((await tries[n % 2]!()).status)
    expect(statuses.slice(0, 20)).not.toContain(429)
    expect(statuses.slice(20)).toEqual([429, 429])
  })
})

describe("store credit", () => {
  it("is given and taken by staff for a reason, and its owner sees why", async () => {
    const [buyer, staff] = [await make.user(), await make.user("staff")]
    const adjust = (body: unknown) =>
      call("POST", `admin/users/${buyer.id}/store-credit/adjust`, { as: staff, body })
    expect((await adjust({ delta: "25.00", reason: "Delay" })).body).toEqual({
      user: buyer.id,
      currency: "USD",
      balance: "25.00",
    })
    await adjust({ delta: "-5.00", reason: "Too much" })
    await adjust({ delta: "700", reason: "Delay", currency: "jpy" })
    const more = await adjust({ delta: "-20.01", reason: "x" })
    expect([more.status, fieldsOf(more)]).toEqual([400, ["delta"]])
    const { body } = await call("GET", "users/me/store-credit", { as: buyer })
    expect(body).toMatchObject({
      balances: [
        { currency: "JPY", balance: "700" },
        { currency: "USD", balance: "20.00" },
      ],
      count: 3,
    })
    expect(
      body.results.map(({ amount, reason, kind }: any) => [amount, reason, kind]).toSorted(),
    ).toEqual([
      ["-5.00", "Too much", "adjusted"],
      ["25.00", "Delay", "adjusted"],
      ["700", "Delay", "adjusted"],
    ])
    const seen = await call("GET", `admin/users/${buyer.id}/store-credit`, { as: staff })
    expect(seen.body.balances).toEqual(body.balances)
    const other = await call("GET", "users/me/store-credit", { as: await make.user() })
    expect(other.body).toMatchObject({ balances: [], count: 0, results: [] })
    expectProblem(
      await call("GET", "admin/users/usr_nobody/store-credit", { as: staff }),
      404,
      "not-found",
    )
    expect(await rows("SELECT user_id FROM audit WHERE action = 'store-credit.adjusted'")).toEqual(
      Array.from({ length: 3 }, () => ({ user_id: buyer.id })),
    )
  })

  it("of 50.00, taken by 20 × 10.00 at once, is taken 5 times", async () => {
    const [buyer, staff] = [await make.user(), await make.user("staff")]
    await grant(buyer, "50.00")
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        call("POST", `admin/users/${buyer.id}/store-credit/adjust`, {
          as: staff,
          body: { delta: "-10.00", reason: "x" },
        }),
      ),
    )
    expect(tally(answers)["200"]).toBe(5)
    expect(await creditOf(buyer)).toBe("0.00")
  })

  it("is in its owner's export, and pays for nobody once they are erased", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    const buyer = await person()
    await grant(buyer, "20.00")
    const card = await giftCard({ recipient_email: buyer.email, message: "Dear Ada" })
    const { body } = await call("GET", "users/me/export", { as: buyer })
    expect(body.store_credit).toMatchObject([{ amount: "20.00", reason: "Sorry" }])
    expect(
      (await call("DELETE", "users/me", { as: buyer, body: { password: secret } })).status,
    ).toBe(204)
    expect(await rows("SELECT recipient_email, message FROM gift_cards")).toEqual([
      { recipient_email: null, message: "" },
    ])
    expect(await left(card.code)).toBe("50.00")
    const gone = await call("POST", `admin/users/${buyer.id}/store-credit/adjust`, {
      as: await make.user("staff"),
      body: { delta: "1.00", reason: "x" },
    })
    expectProblem(gone, 404, "not-found")
  })

  it("of an account is spent by its own orders alone", async () => {
    const [buyer, other] = [await make.user(), await make.user()]
    const cap = await make.product()
    await grant(buyer, "20.00")
    const items = [{ product_id: cap.id, quantity: 1 }]
    for (const as of [other, undefined]) {
      const { body } = await order(items, as, { use_store_credit: true, user_id: buyer.id })
      expect([body.tenders, body.payment_status]).toEqual([undefined, "unpaid"])
    }
    expect(await creditOf(buyer)).toBe("20.00")
  })
})
