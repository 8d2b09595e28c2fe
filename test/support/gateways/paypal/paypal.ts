import { createVerify, randomBytes, randomUUID, sign, X509Certificate } from "node:crypto"
import { crc32 } from "node:zlib"

import { issue } from "../../certificates.ts"
import type { Behaviour } from "../behaviour.ts"
import { type Asked, type Bill, Party, type Said, type Told, unguessable } from "../party.ts"
import { approve, orderRoutes, shown as shownOrder } from "./orders.ts"
import { dispute, paymentRoutes, settle, shown } from "./payments.ts"
import { disputesOf, transactionsOf } from "./transactions.ts"
import { malformed, minorOf, missing, moneyOf, Refusal } from "./wire.ts"

/** A request as its verb sees it. `mock`: the error that `PayPal-Mock-Response` asks for. */
export type Call = { id: string; body: any; mock: string | undefined; query: URLSearchParams }

type Options = { clientId: string; clientSecret: string; webhookId: string }
const dayMs = 86_400_000

type Route = [method: string, path: RegExp, kind: string, run: (call: Call) => any]

/** PayPal as a shop meets it: OAuth 2, Orders v2, Payments v2, transaction search, disputes, signed webhooks. */
export class PayPal extends Party {
  readonly name = "paypal"
  /** Where it is reached, as the last caller saw it. */
  base = "http://127.0.0.1"
  readonly #options: Options
  readonly #certificate = issue({
    name: "messageverificationcerts.paypal.com",
    from: new Date(Date.now() - dayMs),
    to: new Date(Date.now() + 365 * dayMs),
  })
  readonly #certificateId = `CERT-${randomBytes(6).toString("hex")}`
  readonly #routes: Route[]

  constructor(options: Options, behaviour: Partial<Behaviour> = {}) {
    super(behaviour)
    this.#options = options
    this.#routes = [
      ...orderRoutes(this).map(([method, path, run]): Route => [method, path, "orders", run]),
      ...paymentRoutes(this),
      [
        "GET",
        /^\/v1\/customer\/disputes\/([\w-]+)$/,
        "plain",
        ({ id }) => this.get("disputes", id),
      ],
      ["GET", /^\/v1\/customer\/disputes$/, "plain", ({ query }) => disputesOf(this, query)],
      [
        "GET",
        /^\/v1\/reporting\/transactions$/,
        "plain",
        ({ query }) => transactionsOf(this, query),
      ],
      [
        "POST",
        /^\/v1\/notifications\/verify-webhook-signature$/,
        "plain",
        ({ body }) => this.#verify(body),
      ],
    ]
  }

  owns(path: string): boolean {
    return (
      path === "/v1/oauth2/token" ||
      path.startsWith("/v1/notifications/certs/") ||
      this.#routes.some(([, pattern]) => pattern.test(path))
    )
  }

  answer(asked: Asked): Said {
    this.base = asked.base
    const headers = { "paypal-debug-id": randomBytes(6).toString("hex") }
    try {
      if (asked.path.startsWith("/v1/notifications/certs/"))
        return {
          status: 200,
          body: this.#certificate.pem,
          headers: { "content-type": "application/x-pem-file" },
        }
      if (asked.path === "/v1/oauth2/token") return { ...this.#token(asked), headers }
      this.#require(asked)
      return { ...this.#run(asked), headers }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, body: error.body, headers }
    }
  }

  #run(asked: Asked): Said {
    const found = this.#routes.find(
      ([method, path]) => method === asked.method && path.test(asked.path),
    )
    if (!found) throw missing()
    const [, path, kind, run] = found
    const key = this.keyOf(asked)
    const isWhole =
      kind !== "orders" ||
      asked.method === "GET" ||
      /representation/.test(asked.headers["prefer"] ?? "")
    // PayPal answers a known request id with what has become of the same thing since, whatever is asked.
    const known = key !== undefined && this.table<{ kind: string; id: string }>("requests").get(key)
    if (known)
      return { status: 200, body: this.#shown(known.kind, this.get(known.kind, known.id), isWhole) }
    const body = asked.text === "" ? {} : parsed(asked.text)
    const mock = parsed(asked.headers["paypal-mock-response"] ?? "{}").mock_application_codes
    const [, id = ""] = path.exec(asked.path) ?? []
    const row = run({ id, body, mock, query: asked.query })
    if (key !== undefined) this.table("requests").set(key, { kind, id: row.id })
    if (row === undefined) return { status: 204 }
    if (asked.path.endsWith("/void") && !/representation/.test(asked.headers["prefer"] ?? ""))
      return { status: 204 }
    const isNew = asked.method === "POST" && kind !== "plain"
    return {
      status: isNew && !asked.path.endsWith("/void") ? 201 : 200,
      body: this.#shown(kind, row, isWhole),
    }
  }

  #shown(kind: string, row: any, isWhole: boolean): unknown {
    if (kind === "plain") return row
    if (kind !== "orders") return shown(this.base, kind, row)
    return shownOrder(
      this.base,
      { ...row, purchase_units: row.purchase_units.map((unit: any) => this.#unit(unit)) },
      isWhole,
    )
  }

  /** A purchase unit with its payments in full. */
  #unit(unit: any): any {
    const payments = Object.entries(unit.payments as Record<string, string[]>).map(
      ([kind, ids]) => [kind, ids.map((id) => shown(this.base, kind, this.get(kind, id)))],
    )
    return payments.length === 0
      ? { ...unit, payments: undefined }
      : { ...unit, payments: Object.fromEntries(payments) }
  }

  #token({ method, headers, text }: Asked): Said {
    const { clientId, clientSecret } = this.#options
    const given = Buffer.from(
      (headers["authorization"] ?? "").replace(/^Basic /, ""),
      "base64",
    ).toString()
    if (method !== "POST" || given !== `${clientId}:${clientSecret}`)
      return {
        status: 401,
        body: { error: "invalid_client", error_description: "Client Authentication failed" },
      }
    if (new URLSearchParams(text).get("grant_type") !== "client_credentials")
      return {
        status: 400,
        body: { error: "unsupported_grant_type", error_description: "Grant Type is NULL" },
      }
    const access_token = `A21AA${unguessable(60)}`
    this.table("tokens").set(access_token, Date.now() + 32_400_000)
    return {
      status: 200,
      body: {
        scope: "https://uri.paypal.com/services/payments/payment/authcapture",
        access_token,
        token_type: "Bearer",
        app_id: "APP-80W284485P519543T",
        expires_in: 32_400,
        nonce: new Date().toISOString(),
      },
    }
  }

  /** @throws Refusal 401 without a live token */
  #require({ headers }: Asked): void {
    const token = (headers["authorization"] ?? "").replace(/^Bearer /, "")
    const until = this.table<number>("tokens").get(token) ?? 0
    if (until > Date.now()) return
    throw new Refusal(
      401,
      "AUTHENTICATION_FAILURE",
      "Authentication failed due to invalid authentication credentials or a missing Authorization header.",
    )
  }

  refuse(status: number): Said {
    const refusal =
      status === 409
        ? new Refusal(
            409,
            "RESOURCE_CONFLICT",
            "The server has detected a conflict while processing this request.",
            [
              {
                issue: "PREVIOUS_REQUEST_IN_PROGRESS",
                description:
                  "A previous request on this resource is currently in progress. Please wait for some time and try again.",
              },
            ],
          )
        : status === 429
          ? new Refusal(
              429,
              "RATE_LIMIT_REACHED",
              "Too many requests. Blocked due to rate limiting.",
            )
          : new Refusal(status, "INTERNAL_SERVER_ERROR", "An internal server error has occurred.")
    return { status, body: refusal.body }
  }

  keyOf({ method, path, headers }: Asked): string | undefined {
    const key = headers["paypal-request-id"]
    return method === "POST" && key !== undefined ? `${path} ${key}` : undefined
  }

  sign({ body }: Told): { body: string; headers: Record<string, string> } {
    const text = JSON.stringify(body)
    const id = randomUUID()
    const at = this.now()
    const message = `${id}|${at}|${this.#options.webhookId}|${crc32(text)}`
    return {
      body: text,
      headers: {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": `${this.base}/v1/notifications/certs/${this.#certificateId}`,
        "paypal-transmission-id": id,
        "paypal-transmission-time": at,
        "paypal-transmission-sig": sign(
          "sha256",
          Buffer.from(message),
          this.#certificate.privateKey,
        ).toString("base64"),
      },
    }
  }

  #verify(given: any): unknown {
    const { transmission_id, transmission_time, webhook_id, webhook_event, transmission_sig } =
      given
    const message = `${transmission_id}|${transmission_time}|${webhook_id}|${crc32(JSON.stringify(webhook_event))}`
    const isGood =
      webhook_id === this.#options.webhookId &&
      createVerify("sha256")
        .update(message)
        .verify(
          new X509Certificate(this.#certificate.pem).publicKey,
          transmission_sig ?? "",
          "base64",
        )
    return { verification_status: isGood ? "SUCCESS" : "FAILURE" }
  }

  drifted(told: Told): Told {
    const copy = structuredClone(told)
    const { resource } = copy.body
    for (const one of [resource, ...(resource.purchase_units ?? [])])
      if (one.amount)
        one.amount = moneyOf(minorOf(one.amount, "amount") + 100, one.amount.currency_code)
    return copy
  }

  bill(ref: string): Bill | undefined {
    const order = this.table("orders").get(ref)
    if (!order) return undefined
    const [{ amount }] = order.purchase_units
    const back = (url: string | undefined) =>
      url ? `${url}${url.includes("?") ? "&" : "?"}token=${ref}&PayerID=PAYERADA00001` : null
    return {
      amount: minorOf(amount, "amount"),
      currency: amount.currency_code,
      status: order.status,
      isOpen:
        /^(?:CREATED|PAYER_ACTION_REQUIRED)$/.test(order.status) || order.status === "APPROVED",
      returnUrl: back(order.context.return_url),
      cancelUrl: order.context.cancel_url ?? null,
    }
  }

  bills(): string[] {
    return [...this.table("orders").keys()]
  }

  pay(ref: string, card: string): { failure: string | null; goTo: string | null } {
    approve(this, ref, card)
    return { failure: null, goTo: this.bill(ref)?.returnUrl ?? null }
  }

  settleRefunds(status: "succeeded" | "failed"): void {
    for (const made of this.table("refunds").values())
      if (made.status === "PENDING") settle(this, made, status)
  }

  dispute(ref: string, outcome?: "won" | "lost"): void {
    for (const row of this.table("captures").values())
      if (row.order === ref) dispute(this, row, outcome)
  }

  now(): string {
    return new Date().toISOString().replace(/\.\d+/, "")
  }
  newId(): string {
    return unguessable(17).toUpperCase()
  }
  /** @throws Refusal 404 */
  get(kind: string, id: string): any {
    const row = this.table(kind).get(id)
    if (!row) throw missing()
    return row
  }

  happened(event_type: string, resource_type: string, resource: any): void {
    const id = `WH-${unguessable(17).toUpperCase()}-${unguessable(17).toUpperCase()}`
    const body = {
      id,
      event_version: "1.0",
      create_time: new Date().toISOString(),
      resource_type,
      resource_version: "2.0",
      event_type,
      summary: event_type,
      resource: resource.purchase_units
        ? {
            ...resource,
            purchase_units: resource.purchase_units.map((unit: any) => this.#unit(unit)),
          }
        : resource,
      links: [],
    }
    this.tell({ id, type: event_type, body })
  }
}

/** @throws Refusal 400 */
function parsed(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed("MALFORMED_REQUEST_JSON", "/")
  }
}
