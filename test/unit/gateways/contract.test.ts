import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"

import type { Answer, Asked, Gateway, News, StartRequest } from "#modules/payments/gateway.ts"
import { fake } from "#modules/payments/gateways/fake.ts"
import { paypal } from "#modules/payments/gateways/paypal.ts"
import { square } from "#modules/payments/gateways/square.ts"
import { stripe } from "#modules/payments/gateways/stripe.ts"

import { badCard, goodCard } from "../../support/gateways/cards.ts"
import { type Listener, startListener } from "../../support/gateways/listener.ts"
import { type Gateways, startGateways } from "../../support/gateways/server.ts"

type Name = "fake" | "stripe" | "paypal" | "square"

let shop: Listener
let world: Gateways
let gateways: Record<Name, Gateway>
let serial = 0

beforeAll(async () => {
  shop = await startListener()
  world = await startGateways({ shop: shop.url })
  const { credentials, url: apiUrl } = world
  gateways = {
    fake: fake({ url: `${apiUrl}/fake`, secret: credentials.fake.secret }),
    stripe: stripe({ ...credentials.stripe, apiUrl }),
    paypal: paypal({ ...credentials.paypal, isSandbox: true, apiUrl }),
    square: square({ ...credentials.square, isSandbox: true, apiUrl }),
  }
})
beforeEach(() => {
  world.behave({ pendingRefunds: false, refuseRefunds: 0 })
})
afterAll(async () => {
  await world.close()
  await shop.close()
})

function request(over: Partial<StartRequest> = {}): StartRequest {
  const key = `pay_${String(++serial).padStart(26, "0")}`
  return {
    key,
    reference: `ord_${key.slice(4)}`,
    amount: 2000,
    currency: "USD",
    capture: "automatic",
    returnUrl: `https://shop.test/api/v1/payments/return/${key}`,
    ...over,
  }
}

/** What the shop knows of a payment after this answer; before any without one. */
const known = (asked: StartRequest, answer?: Answer): Asked => ({
  ...asked,
  ref: answer?.ref ?? null,
  captureRef: answer?.captureRef ?? null,
})

/** The payer pays as the gateway lets them, and the shop completes it where that is its part. */
async function pay(name: Name, asked: StartRequest, answer: Answer, card = goodCard) {
  const link = new URL(answer.redirectUrl ?? "https://x.test/")
  const ref = name === "square" ? (link.pathname.split("/").at(-1) ?? "") : answer.ref
  world.parties[name].pay(ref, card)
  return settled(name, asked, answer)
}

async function settled(name: Name, asked: StartRequest, answer: Answer): Promise<Answer> {
  const gateway = gateways[name]
  const found = await gateway.find(known(asked, answer))
  if (!found) throw new Error("the gateway never heard of it")
  return found.isApproved && gateway.complete ? gateway.complete(known(asked, answer)) : found
}

async function paid(name: Name, over: Partial<StartRequest> = {}) {
  const asked = request(over)
  const answer = await pay(name, asked, await gateways[name].start(asked))
  return { asked, answer, payment: { ref: answer.ref, captureRef: answer.captureRef ?? null } }
}

const booked = (name: Name, key: string) =>
  world.parties[name].books().payments.find((one) => one.key === key)

/** What it gave back of a payment, in its own books. */
function refundedOf(name: Name, key: string): number | undefined {
  return booked(name, key)?.refunded
}

const unavailable = { code: "unavailable" }

/** The webhooks that came for a payment, read by the shop. */
async function newsOf(name: Name, fits: (news: News) => boolean): Promise<News> {
  const seen = new Set<string>()
  for (;;) {
    for (const { gateway, headers, body } of shop.taken) {
      if (gateway !== name || seen.has(body)) continue
      seen.add(body)
      const read = await gateways[name].readWebhook({
        headers: new Headers(headers as Record<string, string>),
        body,
        now: new Date(),
      })
      expect(read.isGenuine).toBe(true)
      if (read.isGenuine && read.news && fits(read.news)) return read.news
    }
    await shop.take((one) => one.gateway === name && !seen.has(one.body))
  }
}

const names: Name[] = ["fake", "stripe", "paypal", "square"]
const heldBy: Name[] = ["fake", "stripe", "paypal"]

describe.each(names)("%s", (name) => {
  it("starts a payment once for a key, and says what its payer needs", async () => {
    const asked = request()
    const first = await gateways[name].start(asked)
    expect(first).toMatchObject({
      status: "unpaid",
      reference: asked.reference,
      amount: 2000,
      capturedAmount: 0,
      currency: "USD",
      failure: null,
    })
    expect(first.clientSecret ?? first.redirectUrl).toBeTruthy()
    expect((await gateways[name].start(asked)).ref).toBe(first.ref)
  })

  it("takes the money of a payer who pays, once, and says what it keeps", async () => {
    const { asked, answer } = await paid(name)
    expect(answer).toMatchObject({ status: "paid", amount: 2000, capturedAmount: 2000 })
    expect((await settled(name, asked, answer)).capturedAmount).toBe(2000)
    if (name === "fake") return
    expect(answer.captureRef).toBeTruthy()
    expect(booked(name, asked.key)).toMatchObject({ captured: 2000, fee: answer.fee })
    expect(answer.fee).toBeGreaterThan(0)
  })

  it("answers a decline, and takes another card after it", async () => {
    const asked = request()
    const answer = await gateways[name].start(asked)
    const declined = await pay(name, asked, answer, badCard)
    expect(declined.capturedAmount).toBe(0)
    // Square's link says nothing of cards that were refused; its webhook does.
    const [status, failure] = name === "square" ? ["unpaid", /^null$/] : ["failed", /decline/i]
    expect(declined.status).toBe(status)
    expect(String(declined.failure)).toMatch(failure)
    const again = await pay(name, asked, answer)
    expect(again).toMatchObject({ status: "paid", capturedAmount: 2000, ref: answer.ref })
  })

  it("may have done what it lost the answer of: asked again it is the same payment", async () => {
    const asked = request()
    const on = "^POST .*(?:payment_intents|orders|payment-links|fake/v1/payments)$"
    world.parties[name].script([{ on, times: 2, fault: { drop: "after" } }])
    await expect(gateways[name].start(asked)).rejects.toMatchObject(unavailable)
    const answer = await gateways[name].start(asked).catch(() => gateways[name].start(asked))
    const found = await gateways[name].find(known(asked))
    expect(found?.ref).toBe(answer.ref)
    expect((await pay(name, asked, answer)).capturedAmount).toBe(2000)
    const mine = world.parties[name].books().payments.filter(({ key }) => key === asked.key)
    expect(mine).toHaveLength(1)
  })

  it.each([409, 429, 500, 503])("has not answered when it says %i", async (status) => {
    const asked = request()
    world.parties[name].script([{ on: "^POST .*", times: 2, fault: { status } }])
    const first = gateways[name].start(asked)
    await expect(first).rejects.toMatchObject(unavailable)
    // The rest of the script, where the client asks once only.
    const answer = await gateways[name].start(asked).catch(() => gateways[name].start(asked))
    expect(answer.status).toBe("unpaid")
  })

  it("never heard of a payment that was not started, or starts it: nothing is taken", async () => {
    const asked = request()
    const found = await gateways[name].find(known(asked))
    expect(found?.status ?? "unpaid").toBe("unpaid")
    expect(booked(name, asked.key)?.captured ?? 0).toBe(0)
  })

  it("gives back in parts, each once, and no more than was taken", async () => {
    const { asked, payment } = await paid(name)
    const gateway = gateways[name]
    const give = (amount: number, key: string) =>
      gateway.refund(payment, { amount, currency: "USD" }, key)
    const first = await give(1500, `rfd_${asked.key}1`)
    expect(["pending", "succeeded"]).toContain(first.status)
    expect((await give(1500, `rfd_${asked.key}1`)).ref).toBe(first.ref)
    expect(await give(501, `rfd_${asked.key}2`)).toMatchObject({ status: "failed" })
    expect((await give(500, `rfd_${asked.key}3`)).status).not.toBe("failed")
    const ask = { amount: 1500, currency: "USD", payment }
    expect(await gateway.findRefund({ ...ask, key: `rfd_${asked.key}1`, ref: null })).toMatchObject(
      { ref: first.ref, status: "succeeded" },
    )
    expect(
      await gateway.findRefund({ ...ask, key: `rfd_${asked.key}1`, ref: first.ref }),
    ).toMatchObject({ status: "succeeded" })
    expect(await gateway.findRefund({ ...ask, key: "rfd_never", ref: null })).toBeUndefined()
    expect(refundedOf(name, asked.key)).toBe(2000)
  })

  it("gives back once although it lost its answer", async () => {
    const { asked, payment } = await paid(name)
    const key = `rfd_${asked.key}`
    const give = () => gateways[name].refund(payment, { amount: 700, currency: "USD" }, key)
    world.parties[name].script([{ on: "^POST .*refunds?$", times: 2, fault: { drop: "after" } }])
    await expect(give()).rejects.toMatchObject(unavailable)
    const found = await gateways[name]
      .findRefund({ key, ref: null, amount: 700, currency: "USD", payment })
      .catch(() => undefined)
    const answer = await give().catch(give)
    expect(answer.ref).not.toBe("")
    expect(found?.ref ?? answer.ref).toBe(answer.ref)
    expect(refundedOf(name, asked.key)).toBe(700)
  })

  it("says of refunds that they are on their way, and what became of them", async () => {
    const { asked, payment } = await paid(name)
    world.behave({ pendingRefunds: true })
    const give = (key: string) =>
      gateways[name].refund(payment, { amount: 300, currency: "USD" }, key)
    const good = await give(`rfd_${asked.key}a`)
    expect(good.status).toBe("pending")
    world.parties[name].settleRefunds("succeeded")
    const ask = { key: `rfd_${asked.key}a`, amount: 300, currency: "USD", payment }
    expect((await gateways[name].findRefund({ ...ask, ref: good.ref }))?.status).toBe("succeeded")
    const second = await give(`rfd_${asked.key}b`)
    world.parties[name].settleRefunds("failed")
    expect(
      await gateways[name].findRefund({ ...ask, key: `rfd_${asked.key}b`, ref: second.ref }),
    ).toMatchObject({ status: "failed", failure: expect.stringMatching(/./) })
  })

  it("gives an open payment up, even one it never heard of, and a paid one not", async () => {
    const open = request()
    const answer = await gateways[name].start(open)
    expect((await gateways[name].cancel(known(open, answer))).status).toBe("voided")
    const unheard = request()
    const given = await gateways[name].cancel(known(unheard))
    expect(given.status).toBe("voided")
    expect((await gateways[name].start(unheard)).ref).toBe(given.ref)
    const { asked, answer: taken } = await paid(name)
    expect(await gateways[name].cancel(known(asked, taken))).toMatchObject({
      status: "paid",
      capturedAmount: 2000,
    })
  })

  it("tells by signed webhook of payments and refunds, by our ids or its own", async () => {
    const { asked, answer, payment } = await paid(name)
    const told = await newsOf(
      name,
      ({ told }) => told?.capturedAmount === 2000 && told.reference === asked.reference,
    )
    expect(told).toMatchObject({
      paymentId: asked.key,
      told: { status: "paid", ref: answer.ref, amount: 2000, currency: "USD" },
    })
    const key = `rfd_${asked.key}`
    await gateways[name].refund(payment, { amount: 800, currency: "USD" }, key)
    const back = await newsOf(
      name,
      ({ refund }) => refund?.key === key && refund.status === "succeeded",
    )
    expect(back.refund).toMatchObject({ amount: 800 })
    const { payment: by } = back
    expect([back.paymentId, by?.ref, by?.captureRef]).toContainEqual(
      expect.stringMatching(
        new RegExp(`^(?:${asked.key}|${answer.ref}|${answer.captureRef ?? "-"})$`),
      ),
    )
  })

  it("tells of disputes, and how they end, and says so when it is asked", async () => {
    const since = new Date(Date.now() - 3_600_000)
    const { asked, answer } = await paid(name)
    const ref = name === "square" ? (answer.captureRef ?? "") : answer.ref
    const isMine = ({ payment, told }: News) =>
      [payment?.ref, told?.ref].includes(answer.ref) ||
      (answer.captureRef !== undefined && payment?.captureRef === answer.captureRef)
    const listed = async () => {
      const found: unknown[] = []
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await gateways[name].list?.(since, cursor)
        found.push(...(page?.disputes ?? []).filter(({ ref: one }) => one === open.dispute?.ref))
        cursor = page?.next ?? null
      }
      return found
    }
    world.parties[name].dispute(ref)
    await gateways[name].find(known(request(), answer))
    const open = await newsOf(name, (news) => news.dispute?.status === "open" && isMine(news))
    expect(open.dispute).toMatchObject({ amount: 2000, currency: "USD" })
    world.parties[name].dispute(ref, "lost")
    await gateways[name].find(known(request(), answer))
    const lost = await newsOf(name, (news) => news.dispute?.status === "lost" && isMine(news))
    expect(lost.dispute?.ref).toBe(open.dispute?.ref)
    const told = await gateways[name].findDispute(open.dispute?.ref ?? "")
    expect(told).toMatchObject({ status: "lost", amount: 2000, currency: "USD" })
    expect([told?.key, told?.payment.ref, told?.payment.captureRef]).toContainEqual(
      expect.stringMatching(
        new RegExp(`^(?:${asked.key}|${answer.ref}|${answer.captureRef ?? "-"})$`),
      ),
    )
    expect(await listed()).toEqual([told])
  })

  it("lists what moved, with our ids", async () => {
    const since = new Date(Date.now() - 3_600_000)
    const { asked, payment } = await paid(name)
    const key = `rfd_${asked.key}`
    await gateways[name].refund(payment, { amount: 100, currency: "USD" }, key)
    const [payments, refunds] = [new Set<string | null>(), new Set<string | null>()]
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await gateways[name].list?.(since, cursor)
      for (const one of page?.payments ?? []) if (one.capturedAmount === 2000) payments.add(one.key)
      for (const one of page?.refunds ?? []) if (one.amount === 100) refunds.add(one.key)
      cursor = page?.next ?? null
    }
    expect(payments).toContain(asked.key)
    expect(refunds).toContain(key)
  })

  it("takes yen without decimals, and says so in yen", async () => {
    if (name === "fake") return
    const { asked, answer } = await paid(name, { amount: 1300, currency: "JPY" })
    expect(answer).toMatchObject({ amount: 1300, capturedAmount: 1300, currency: "JPY" })
    expect(booked(name, asked.key)).toMatchObject({ captured: 1300 })
  })
})

describe.each(heldBy)("%s, when staff say when", (name) => {
  it("holds the money, and takes all of it or less, once", async () => {
    const { asked, answer } = await paid(name, { capture: "manual" })
    expect(answer).toMatchObject({ status: "authorized", capturedAmount: 0 })
    const take = () =>
      gateways[name].capture(known(asked, answer), { amount: 1200, currency: "USD" })
    expect(await take()).toMatchObject({ status: "paid", amount: 2000, capturedAmount: 1200 })
    expect(await take()).toMatchObject({ status: "paid", capturedAmount: 1200 })
  })

  it("lets held money go", async () => {
    const { asked, answer } = await paid(name, { capture: "manual" })
    expect(await gateways[name].cancel(known(asked, answer))).toMatchObject({
      status: "voided",
      capturedAmount: 0,
    })
  })
})

describe("Stripe's saved methods", () => {
  const saved = () => {
    const { saved: of } = gateways.stripe
    if (!of) throw new Error("Stripe saves methods")
    return of
  }

  it("belong to one customer, are charged while they are away, and can be forgotten", async () => {
    const customer = await saved().customer("usr_1", "ada@example.test")
    expect(await saved().customer("usr_1", "ada@example.test")).toBe(customer)
    const asked = request({ customer: { ref: customer }, save: true })
    await pay("stripe", asked, await gateways.stripe.start(asked))
    const [method] = await saved().methods(customer)
    expect(method).toMatchObject({ kind: "card", last4: "4242" })
    const { customer: _, save: __, ...renewal } = request({ amount: 999 })
    const charge = () => saved().charge({ ...renewal, customer, method: method?.ref ?? "" })
    const answer = await charge()
    expect(answer).toMatchObject({ status: "paid", capturedAmount: 999 })
    expect((await charge()).ref).toBe(answer.ref)
    expect((await gateways.stripe.find(known(renewal as StartRequest)))?.ref).toBe(answer.ref)
    await saved().detach(method?.ref ?? "")
    await saved().detach(method?.ref ?? "")
    expect(await saved().methods(customer)).toEqual([])
  })

  it("begins a setup once for a key", async () => {
    const customer = await saved().customer("usr_2", "bob@example.test")
    const setup = () => saved().setup({ key: "setup_1", customer, returnUrl: undefined })
    const first = await setup()
    expect(first).toMatchObject({ status: "open", method: null })
    expect(first.clientSecret).toBeTruthy()
    expect((await setup()).ref).toBe(first.ref)
  })
})
