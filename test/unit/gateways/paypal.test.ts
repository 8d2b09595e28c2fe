import { createVerify, X509Certificate } from "node:crypto"
import { type Agent, Agent as HttpsAgent } from "node:https"
import { connect } from "node:net"
import { crc32 } from "node:zlib"

import {
  ApiError,
  CheckoutPaymentIntent,
  Client,
  Environment,
  OrdersController,
  PaymentsController,
  TransactionSearchController,
} from "@paypal/paypal-server-sdk"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

import { type Listener, startListener } from "../../support/gateways/listener.ts"
import { type Gateways, startGateways } from "../../support/gateways/server.ts"

let shop: Listener
let gateways: Gateways
let orders: OrdersController
let payments: PaymentsController
let transactions: TransactionSearchController

/** The SDK knows only PayPal's own hosts: this leads its connections to the gateways. */
function leadingTo(url: string): Agent {
  const agent = new HttpsAgent()
  agent.createConnection = () => connect(Number(new URL(url).port), "127.0.0.1")
  return agent
}

beforeAll(async () => {
  shop = await startListener()
  gateways = await startGateways({ shop: shop.url })
  const { clientId, clientSecret } = gateways.credentials.paypal
  const client = new Client({
    environment: Environment.Sandbox,
    clientCredentialsAuthCredentials: { oAuthClientId: clientId, oAuthClientSecret: clientSecret },
    httpClientOptions: { httpsAgent: leadingTo(gateways.url) },
  })
  orders = new OrdersController(client)
  payments = new PaymentsController(client)
  transactions = new TransactionSearchController(client)
})
afterAll(async () => {
  await gateways.close()
  await shop.close()
})

async function orderOf(value: string, intent = CheckoutPaymentIntent.Capture, key?: string) {
  const { result } = await orders.createOrder({
    body: {
      intent,
      purchaseUnits: [
        { amount: { currencyCode: "USD", value }, customId: `pay_${value.replace(".", "")}` },
      ],
      paymentSource: {
        paypal: {
          experienceContext: {
            returnUrl: "https://shop.test/back",
            cancelUrl: "https://shop.test/no",
          },
        },
      },
    },
    prefer: "return=representation",
    ...(key !== undefined && { paypalRequestId: key }),
  })
  return result
}

/** The payer agrees on PayPal's page. */
async function agree(
  order: { links?: { rel: string; href: string }[] },
  card = "4242424242424242",
): Promise<Response> {
  const link = order.links?.find(({ rel }) => rel === "payer-action")
  const { search } = new URL(String(link?.href))
  const page = await fetch(`${gateways.url}/checkoutnow${search}`)
  expect(await page.text()).toContain("Agree and pay")
  return fetch(page.url, {
    method: "POST",
    body: new URLSearchParams({ card }),
    redirect: "manual",
  })
}

/** What a request was refused for: its status and PayPal's issue. */
async function issueOf(work: Promise<unknown>): Promise<string | undefined> {
  const error = await work.then(
    () => undefined,
    (refusal: unknown) => refusal,
  )
  if (error === undefined) return undefined
  if (!(error instanceof ApiError) || typeof error.body !== "string") throw error
  const { details, name } = JSON.parse(error.body)
  return `${error.statusCode} ${details?.[0]?.issue ?? name}`
}

describe("the official PayPal SDK, against the gateways", () => {
  it("creates an order, sends its payer to agree, captures it and refunds it in parts", async () => {
    const order = await orderOf("50.00")
    expect(order).toMatchObject({ status: "PAYER_ACTION_REQUIRED", intent: "CAPTURE" })
    expect(await issueOf(orders.captureOrder({ id: order.id! }))).toBe("422 ORDER_NOT_APPROVED")
    const went = await agree(order)
    expect([went.status, went.headers.get("location")]).toEqual([
      303,
      `https://shop.test/back?token=${order.id}&PayerID=PAYERADA00001`,
    ])
    expect((await orders.getOrder({ id: order.id! })).result.status).toBe("APPROVED")
    const { result, statusCode } = await orders.captureOrder({
      id: order.id!,
      prefer: "return=representation",
    })
    expect([statusCode, result.status]).toEqual([201, "COMPLETED"])
    const capture = result.purchaseUnits?.[0]?.payments?.captures?.[0]
    expect(capture).toMatchObject({
      status: "COMPLETED",
      customId: "pay_5000",
      sellerReceivableBreakdown: { paypalFee: { value: "2.24" }, netAmount: { value: "47.76" } },
    })
    const captureId = capture!.id!
    const some = await payments.refundCapturedPayment({
      captureId,
      body: { amount: { currencyCode: "USD", value: "20.01" } },
    })
    expect(some.result).toMatchObject({ status: "COMPLETED", amount: { value: "20.01" } })
    const more = { amount: { currencyCode: "USD", value: "30.00" } }
    expect(await issueOf(payments.refundCapturedPayment({ captureId, body: more }))).toBe(
      "422 REFUND_AMOUNT_EXCEEDED",
    )
    const rest = await payments.refundCapturedPayment({ captureId })
    expect(rest.result).toMatchObject({
      amount: { value: "29.99" },
      sellerPayableBreakdown: { totalRefundedAmount: { value: "50.00" } },
    })
    expect(await issueOf(payments.refundCapturedPayment({ captureId }))).toBe(
      "422 CAPTURE_FULLY_REFUNDED",
    )
    expect((await payments.getCapturedPayment({ captureId })).result.status).toBe("REFUNDED")
    expect((await payments.getRefund({ refundId: rest.result.id! })).result.status).toBe(
      "COMPLETED",
    )
    expect(gateways.parties.paypal.books().payments).toContainEqual(
      expect.objectContaining({
        id: order.id,
        key: "pay_5000",
        captured: 5000,
        refunded: 5000,
        fee: 224,
      }),
    )
  })

  it("says that an instrument was declined, and takes another one for the same order", async () => {
    const order = await orderOf("20.00")
    await agree(order, "4000000000000002")
    expect(await issueOf(orders.captureOrder({ id: order.id! }))).toBe("422 INSTRUMENT_DECLINED")
    await fetch(`${gateways.url}/pay/paypal/${order.id}`, {
      method: "POST",
      body: new URLSearchParams({ card: "4242424242424242" }),
      redirect: "manual",
    })
    expect((await orders.captureOrder({ id: order.id! })).result.status).toBe("COMPLETED")
    expect(await issueOf(orders.captureOrder({ id: order.id! }))).toBe("422 ORDER_ALREADY_CAPTURED")
    const other = await orderOf("21.00")
    await agree(other)
    const paypalMockResponse = JSON.stringify({ mock_application_codes: "INSTRUMENT_DECLINED" })
    expect(await issueOf(orders.captureOrder({ id: other.id!, paypalMockResponse }))).toBe(
      "422 INSTRUMENT_DECLINED",
    )
  })

  it("answers a known PayPal-Request-Id with what became of the same thing since", async () => {
    const order = await orderOf("31.00", CheckoutPaymentIntent.Capture, "key-1")
    await agree(order)
    const again = await orderOf("31.00", CheckoutPaymentIntent.Capture, "key-1")
    expect([again.id, again.status]).toEqual([order.id, "APPROVED"])
    const capture = () =>
      orders.captureOrder({
        id: order.id!,
        paypalRequestId: "key-2",
        prefer: "return=representation",
      })
    const [first, second] = [await capture(), await capture()]
    expect([first.statusCode, second.statusCode]).toEqual([201, 200])
    const idOf = ({ result }: typeof first) =>
      result.purchaseUnits?.[0]?.payments?.captures?.[0]?.id
    expect(idOf(second)).toBe(idOf(first))
    const captureId = String(idOf(first))
    const refund = () =>
      payments.refundCapturedPayment({
        captureId,
        paypalRequestId: "rfd_1",
        body: { amount: { currencyCode: "USD", value: "10.00" } },
      })
    expect((await refund()).result.id).toBe((await refund()).result.id)
    gateways.parties.paypal.script([{ on: "refund$", fault: { delayMs: 300 } }])
    const twice = () =>
      issueOf(payments.refundCapturedPayment({ captureId, paypalRequestId: "rfd_2" }))
    const [one, other] = await Promise.all([
      twice(),
      new Promise((go) => setTimeout(go, 100)).then(twice),
    ])
    expect([one, other]).toEqual([undefined, "409 PREVIOUS_REQUEST_IN_PROGRESS"])
  })

  it("holds money, captures a part of it, and lets go of what is held", async () => {
    const order = await orderOf("40.00", CheckoutPaymentIntent.Authorize)
    await agree(order)
    const { result } = await orders.authorizeOrder({
      id: order.id!,
      prefer: "return=representation",
    })
    const held = result.purchaseUnits?.[0]?.payments?.authorizations?.[0]
    expect(held).toMatchObject({ status: "CREATED", amount: { value: "40.00" } })
    const authorizationId = held!.id!
    const taken = await payments.captureAuthorizedPayment({
      authorizationId,
      body: { amount: { currencyCode: "USD", value: "35.00" }, finalCapture: true },
    })
    expect(taken.result).toMatchObject({
      status: "COMPLETED",
      amount: { value: "35.00" },
      finalCapture: true,
    })
    expect((await payments.getAuthorizedPayment({ authorizationId })).result.status).toBe(
      "CAPTURED",
    )
    expect(await issueOf(payments.voidPayment({ authorizationId }))).toBe("422 PREVIOUSLY_CAPTURED")
    const other = await orderOf("41.00", CheckoutPaymentIntent.Authorize)
    await agree(other)
    const id = (await orders.authorizeOrder({ id: other.id!, prefer: "return=representation" }))
      .result.purchaseUnits?.[0]?.payments?.authorizations?.[0]?.id
    expect((await payments.voidPayment({ authorizationId: id! })).statusCode).toBe(204)
    expect(await issueOf(payments.captureAuthorizedPayment({ authorizationId: id! }))).toBe(
      "422 AUTHORIZATION_VOIDED",
    )
  })

  it("reads amounts as PayPal does, and refuses what PayPal would", async () => {
    const of = (currencyCode: string, value: string) =>
      issueOf(
        orders.createOrder({
          body: {
            intent: CheckoutPaymentIntent.Capture,
            purchaseUnits: [{ amount: { currencyCode, value } }],
          },
        }),
      )
    expect(await of("JPY", "1300")).toBe(undefined)
    expect(await of("JPY", "1300.00")).toBe("422 DECIMALS_NOT_SUPPORTED")
    expect(await of("KWD", "1.250")).toBe("422 CURRENCY_NOT_SUPPORTED")
    expect(await of("USD", "1.234")).toBe("422 DECIMAL_PRECISION")
    expect(await of("USD", "0.00")).toBe("422 CANNOT_BE_ZERO_OR_NEGATIVE")
    const body = {
      intent: CheckoutPaymentIntent.Capture,
      purchaseUnits: [
        {
          amount: {
            currencyCode: "USD",
            value: "10.00",
            breakdown: { itemTotal: { currencyCode: "USD", value: "9.00" } },
          },
        },
      ],
    }
    expect(await issueOf(orders.createOrder({ body }))).toBe("422 AMOUNT_MISMATCH")
    expect(await issueOf(orders.getOrder({ id: "NONE" }))).toBe("404 INVALID_RESOURCE_ID")
  })

  it("signs webhooks by a certificate of its own, over id, time, webhook and the body's CRC", async () => {
    const order = await orderOf("12.34")
    gateways.parties.paypal.script([{ on: "^PAY", fault: { forge: true } }])
    await agree(order)
    const isOurs = ({ event }: { event: any }) =>
      event.event_type === "CHECKOUT.ORDER.APPROVED" && event.resource.id === order.id
    const both = await shop.take(isOurs, 2)
    const [good] = both
    expect(good.event.resource.purchase_units[0].amount.value).toBe("12.34")
    const { webhookId } = gateways.credentials.paypal
    const verdicts = await Promise.all(
      both.map(async ({ headers, body }) => {
        const pem = await (
          await fetch(String(headers["paypal-cert-url"]).replace(/^https?:\/\/[^/]+/, gateways.url))
        ).text()
        const [id, time] = [headers["paypal-transmission-id"], headers["paypal-transmission-time"]]
        const message = [id, time, webhookId, crc32(body)].join("|")
        const { publicKey, subject } = new X509Certificate(pem)
        expect(subject).toContain("messageverificationcerts.paypal.com")
        return createVerify("sha256")
          .update(message)
          .verify(publicKey, String(headers["paypal-transmission-sig"]), "base64")
      }),
    )
    expect(verdicts.map(String).toSorted()).toEqual(["false", "true"])
  })

  it("lists captures and refunds with their fees between two dates", async () => {
    const order = await orderOf("77.00")
    await agree(order)
    await orders.captureOrder({ id: order.id! })
    const { result } = await transactions.searchTransactions({
      startDate: new Date(Date.now() - 86_400_000).toISOString(),
      endDate: new Date(Date.now() + 60_000).toISOString(),
      fields: "all",
    })
    const mine = result.transactionDetails?.find(
      ({ transactionInfo }) => transactionInfo?.customField === "pay_7700",
    )
    expect(mine?.transactionInfo).toMatchObject({
      transactionEventCode: "T0006",
      transactionStatus: "S",
      paypalReferenceId: order.id,
      transactionAmount: { value: "77.00" },
      feeAmount: { value: "-3.18" },
    })
  })
})
