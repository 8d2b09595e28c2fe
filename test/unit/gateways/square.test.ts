import { SquareClient, SquareError, WebhooksHelper } from "square"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

import { type Listener, startListener, type Webhook } from "../../support/gateways/listener.ts"
import { type Gateways, startGateways } from "../../support/gateways/server.ts"

let shop: Listener
let gateways: Gateways
let square: SquareClient

beforeAll(async () => {
  shop = await startListener()
  gateways = await startGateways({ shop: shop.url })
  square = new SquareClient({
    token: gateways.credentials.square.accessToken,
    baseUrl: gateways.url,
    maxRetries: 0,
  })
})
afterAll(async () => {
  await gateways.close()
  await shop.close()
})

const usd = (amount: number) => ({ amount: BigInt(amount), currency: "USD" as const })
let serial = 0
function pay(amount: number, more: object = {}) {
  return square.payments.create({
    sourceId: "cnon:card-nonce-ok",
    idempotencyKey: `key-${++serial}`,
    amountMoney: usd(amount),
    referenceId: `pay_${amount}`,
    ...more,
  })
}

/** What a request was refused for: its status, and Square's category and code. */
async function errorOf(work: PromiseLike<unknown>): Promise<string | undefined> {
  const error = await Promise.resolve(work).then(
    () => undefined,
    (refusal: unknown) => refusal,
  )
  if (error === undefined) return undefined
  if (!(error instanceof SquareError)) throw error
  return `${error.statusCode} ${error.errors[0]?.category} ${error.errors[0]?.code}`
}

describe("the official Square SDK, against the gateways", () => {
  it("pays by a source, refunds in parts, never above what was paid, and says later what it keeps", async () => {
    const { payment } = await pay(5000)
    expect(payment).toMatchObject({
      status: "COMPLETED",
      amountMoney: usd(5000),
      referenceId: "pay_5000",
    })
    const paymentId = payment!.id!
    const refund = await square.refunds.refundPayment({
      idempotencyKey: "rfd_1",
      paymentId,
      amountMoney: usd(2000),
      reason: "Too many",
    })
    expect(refund.refund).toMatchObject({ status: "PENDING", amountMoney: usd(2000), paymentId })
    expect((await square.refunds.get({ refundId: refund.refund!.id })).refund?.status).toBe(
      "COMPLETED",
    )
    const more = square.refunds.refundPayment({
      idempotencyKey: "rfd_2",
      paymentId,
      amountMoney: usd(3001),
    })
    expect(await errorOf(more)).toBe("400 REFUND_ERROR REFUND_AMOUNT_INVALID")
    expect((await square.payments.get({ paymentId })).payment).toMatchObject({
      refundedMoney: usd(2000),
      processingFee: [{ amountMoney: usd(175) }],
    })
    expect(gateways.parties.square.books().payments).toContainEqual(
      expect.objectContaining({
        id: paymentId,
        key: "pay_5000",
        captured: 5000,
        refunded: 2000,
        fee: 175,
      }),
    )
  })

  it("declines with the payment that failed beside the error", async () => {
    expect(await errorOf(pay(1000, { sourceId: "cnon:card-nonce-declined" }))).toBe(
      "400 PAYMENT_METHOD_ERROR GENERIC_DECLINE",
    )
    expect(await errorOf(pay(1000, { sourceId: "cnon:card-nonce-rejected-cvv" }))).toBe(
      "400 PAYMENT_METHOD_ERROR CVV_FAILURE",
    )
    expect(await errorOf(pay(1000, { sourceId: "cnon:nothing" }))).toBe(
      "404 INVALID_REQUEST_ERROR NOT_FOUND",
    )
  })

  it("answers a key with what it answered first, refuses it for anything else, and gives back by it", async () => {
    const [first, again] = [
      await pay(3000, { idempotencyKey: "same" }),
      await pay(3000, { idempotencyKey: "same" }),
    ]
    expect(again.payment?.id).toBe(first.payment?.id)
    expect(await errorOf(pay(3001, { idempotencyKey: "same" }))).toBe(
      "400 INVALID_REQUEST_ERROR IDEMPOTENCY_KEY_REUSED",
    )
    await square.payments.cancelByIdempotencyKey({ idempotencyKey: "same" })
    expect(
      (await square.payments.get({ paymentId: first.payment!.id! })).payment?.refundedMoney,
    ).toEqual(usd(3000))
    await square.payments.cancelByIdempotencyKey({ idempotencyKey: "nobody used this" })
    expect(await errorOf(pay(100, { idempotencyKey: "k".repeat(46) }))).toBe(
      "400 INVALID_REQUEST_ERROR VALUE_TOO_LONG",
    )
  })

  it("holds money until it is completed or let go", async () => {
    const held = await pay(4000, { autocomplete: false })
    expect(held.payment).toMatchObject({
      status: "APPROVED",
      cardDetails: { status: "AUTHORIZED" },
    })
    const paymentId = held.payment!.id!
    expect((await square.payments.complete({ paymentId })).payment?.status).toBe("COMPLETED")
    expect(await errorOf(square.payments.cancel({ paymentId }))).toBe(
      "400 INVALID_REQUEST_ERROR BAD_REQUEST",
    )
    const other = await pay(4100, { autocomplete: false })
    expect((await square.payments.cancel({ paymentId: other.payment!.id! })).payment?.status).toBe(
      "CANCELED",
    )
  })

  it("takes payments by links, whose orders tell of them, until they are taken down", async () => {
    const { locationId } = gateways.credentials.square
    const make = (key: string) =>
      square.checkout.paymentLinks.create({
        idempotencyKey: key,
        order: {
          locationId,
          referenceId: "pay_link",
          lineItems: [{ name: "Order NX-1", quantity: "1", basePriceMoney: usd(2599) }],
        },
        checkoutOptions: { redirectUrl: "https://shop.test/back" },
      })
    const { paymentLink, relatedResources } = await make("link-1")
    expect(relatedResources?.orders?.[0]).toMatchObject({ state: "DRAFT", totalMoney: usd(2599) })
    const buy = (card: string) =>
      fetch(String(paymentLink?.url), {
        method: "POST",
        body: new URLSearchParams({ card }),
        redirect: "manual",
      })
    expect(await (await fetch(String(paymentLink?.url))).text()).toContain("25.99 USD")
    const declined = await buy("4000 0000 0000 0002")
    expect([declined.status, await declined.text()]).toEqual([
      402,
      expect.stringContaining("GENERIC_DECLINE"),
    ])
    expect((await buy("4242 4242 4242 4242")).headers.get("location")).toBe(
      "https://shop.test/back",
    )
    const { order } = await square.orders.get({ orderId: String(paymentLink?.orderId) })
    expect(order).toMatchObject({
      state: "COMPLETED",
      referenceId: "pay_link",
      netAmountDueMoney: usd(0),
    })
    const { payment } = await square.payments.get({
      paymentId: String(order?.tenders?.[0]?.paymentId),
    })
    expect(payment).toMatchObject({ status: "COMPLETED", orderId: order?.id })
    const unused = await make("link-2")
    const dropped = await square.checkout.paymentLinks.delete({
      id: String(unused.paymentLink?.id),
    })
    expect(dropped.cancelledOrderId).toBe(unused.paymentLink?.orderId)
    expect(await (await fetch(String(unused.paymentLink?.url))).text()).toContain("Nobody knows")
  })

  it("lists payments page by page, oldest first when asked", async () => {
    const page = await square.payments.list({
      sortOrder: "ASC",
      limit: 2,
      beginTime: "2020-01-01T00:00:00Z",
    })
    const times: string[] = []
    for await (const { createdAt } of page) times.push(String(createdAt))
    expect(times.length).toBeGreaterThan(2)
    expect(times).toEqual(times.toSorted())
  })

  it("signs webhooks that the SDK's verifier takes, and forged ones that it does not; they repeat until taken", async () => {
    const { signatureKey, notificationUrl } = gateways.credentials.square
    shop.say(500)
    gateways.parties.square.script([{ on: "payments$", fault: { forge: true } }])
    const { payment } = await pay(9100)
    const isOurs = ({ event }: Webhook) =>
      event.type === "payment.created" && event.data.id === payment?.id
    await shop.take(isOurs, 2)
    shop.say(200)
    const all = await shop.take(isOurs, 3)
    const verdicts = await Promise.all(
      all.map(({ body, headers }) =>
        WebhooksHelper.verifySignature({
          requestBody: body,
          signatureHeader: String(headers["x-square-hmacsha256-signature"]),
          signatureKey,
          notificationUrl,
        }),
      ),
    )
    expect(verdicts.map(String).toSorted()).toEqual(["false", "true", "true"])
    expect(all[0].event).toMatchObject({
      data: { object: { payment: { amount_money: { amount: 9100 } } } },
    })
  })
})
