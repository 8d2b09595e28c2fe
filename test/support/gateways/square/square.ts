import { createHash, createHmac, randomUUID } from "node:crypto"

import type { Behaviour } from "../behaviour.ts"
import { type Asked, type Bill, Party, type Said, type Told, unguessable } from "../party.ts"
import { dispute } from "./disputes.ts"
import { draft, orderRoutes, payLink } from "./orders.ts"
import { paymentRoutes } from "./payments.ts"
import { settle } from "./refunds.ts"
import { invalid, listOf, missing, Refusal, textOf } from "./wire.ts"

/** A request as its verb sees it. */
export type Call = { id: string; body: any; query: URLSearchParams; base: string }

type Options = {
  accessToken: string
  locationId: string
  signatureKey: string
  notificationUrl: string
}
type Kept = { hash: string; status: number; body: any }

/** Square as a shop meets it: payments, refunds, orders, payment links, signed webhooks. */
export class Square extends Party {
  readonly name = "square"
  readonly location: string
  readonly #options: Options
  readonly #routes: [string, RegExp, (call: Call) => any][]
  #afterwards: (() => void)[] = []

  constructor(options: Options, behaviour: Partial<Behaviour> = {}) {
    super(behaviour)
    this.#options = options
    this.location = options.locationId
    this.#routes = [...paymentRoutes(this), ...orderRoutes(this)]
  }

  owns(path: string): boolean {
    return this.#routes.some(([, pattern]) => pattern.test(path))
  }

  answer(asked: Asked): Said {
    const headers = { "square-version": asked.headers["square-version"] ?? "2026-09-16" }
    try {
      const { status, body } = this.#keyed(asked)
      return { status, body, headers }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status, body: { errors: error.errors, ...error.beside }, headers }
    } finally {
      for (const work of this.#afterwards.splice(0)) work()
    }
  }

  #keyed(asked: Asked): { status: number; body: any } {
    if (asked.headers["authorization"] !== `Bearer ${this.#options.accessToken}`)
      throw new Refusal(401, {
        category: "AUTHENTICATION_ERROR",
        code: "UNAUTHORIZED",
        detail: "This request could not be authorized.",
      })
    const found = this.#routes.find(
      ([method, path]) => method === asked.method && path.test(asked.path),
    )
    if (!found) throw missing("Resource not found.")
    const [, path, run] = found
    const body = asked.text === "" ? {} : parsed(asked.text)
    const isKeyed =
      asked.method === "POST" &&
      /^\/v2\/(?:payments|refunds|orders|online-checkout\/payment-links)$/.test(asked.path)
    const isRequired = /^\/v2\/(?:payments|refunds)$/.test(asked.path)
    const given = textOf(
      body.idempotency_key,
      "idempotency_key",
      isRequired ? 45 : 192,
      isKeyed && isRequired,
    )
    const key = isKeyed && given !== undefined ? `${asked.path} ${given}` : undefined
    const hash = createHash("sha256").update(asked.text).digest("hex")
    const kept = key === undefined ? undefined : this.table<Kept>("keys").get(key)
    if (kept && kept.hash !== hash)
      throw invalid(
        "IDEMPOTENCY_KEY_REUSED",
        "The idempotency key can only be retried with the same request data.",
        "idempotency_key",
      )
    if (kept) return kept
    const [, id = ""] = path.exec(asked.path) ?? []
    const keep = (status: number, said: any) => {
      if (key !== undefined)
        this.table<Kept>("keys").set(key, { hash, status, body: structuredClone(said) })
      return { status, body: structuredClone(said) }
    }
    try {
      return keep(200, run({ id, body, query: asked.query, base: asked.base }))
    } catch (error) {
      // A decline is what became of the key; a request that was not understood leaves it free.
      if (!(error instanceof Refusal) || error.errors[0]?.["category"] !== "PAYMENT_METHOD_ERROR")
        throw error
      return keep(error.status, { errors: error.errors, ...error.beside })
    }
  }

  refuse(status: number): Said {
    const [category, code, detail] =
      status === 409
        ? [
            "INVALID_REQUEST_ERROR",
            "CONFLICT",
            "Another request with this idempotency key is being processed.",
          ]
        : status === 429
          ? ["RATE_LIMIT_ERROR", "RATE_LIMITED", "Rate limit exceeded."]
          : [
              "API_ERROR",
              status === 503 ? "SERVICE_UNAVAILABLE" : "INTERNAL_SERVER_ERROR",
              "An unexpected error occurred.",
            ]
    return { status, body: { errors: [{ category, code, detail }] } }
  }

  keyOf({ method, path, text }: Asked): string | undefined {
    const [, key] = /"idempotency_key"\s*:\s*"([^"]+)"/.exec(text) ?? []
    return method === "POST" && key !== undefined ? `${path} ${key}` : undefined
  }

  sign({ body }: Told): { body: string; headers: Record<string, string> } {
    const text = JSON.stringify(body)
    const { signatureKey, notificationUrl } = this.#options
    const signature = createHmac("sha256", signatureKey)
      .update(`${notificationUrl}${text}`)
      .digest("base64")
    return { body: text, headers: { "x-square-hmacsha256-signature": signature } }
  }

  drifted(told: Told): Told {
    const copy = structuredClone(told)
    const { payment, refund } = copy.body["data"].object
    for (const money of [payment?.amount_money, payment?.total_money, refund?.amount_money])
      if (money) money.amount += 1
    return copy
  }

  bill(ref: string): Bill | undefined {
    const link = this.table("links").get(ref)
    if (!link) return undefined
    const order = this.get("orders", link.order_id)
    return {
      ...order.total_money,
      status: order.state,
      isOpen: order.state === "DRAFT",
      returnUrl: link.checkout_options?.redirect_url ?? null,
      cancelUrl: null,
    }
  }

  bills(): string[] {
    return [...this.table("links").keys()]
  }

  pay(ref: string, card: string): { failure: string | null; goTo: string | null } {
    const failure = payLink(this, ref, card)
    for (const work of this.#afterwards.splice(0)) work()
    return { failure, goTo: failure === null ? (this.bill(ref)?.returnUrl ?? null) : null }
  }

  settleRefunds(status: "succeeded" | "failed"): void {
    for (const made of this.table("refunds").values())
      if (made.status === "PENDING") settle(this, made, status)
  }

  dispute(ref: string, outcome?: "won" | "lost"): void {
    const link = this.table("links").get(ref)
    for (const payment of this.table("payments").values())
      if (
        payment.id === ref ||
        (link && payment.order_id === link.order_id && payment.status === "COMPLETED")
      )
        dispute(this, payment, outcome)
  }

  now(): string {
    return new Date().toISOString()
  }
  newId(length: number): string {
    return unguessable(length)
  }
  newOrder(given: unknown, state: string): any {
    return draft(this, given, state)
  }
  /** @throws Refusal 404 */
  get(kind: string, id: string): any {
    const row = this.table(kind).get(id)
    if (!row) throw missing(`Could not find ${kind.replace(/s$/, "")} with id: ${id}`)
    return row
  }
  listed(name: string, rows: any[], query: URLSearchParams): unknown {
    return listOf(name, rows, query)
  }
  /** Done once the answer is made. */
  afterwards(work: () => void): void {
    this.#afterwards.push(work)
  }

  changed(kind: "payment" | "refund", row: any, change: Record<string, unknown>): void {
    Object.assign(
      row,
      change,
      { updated_at: this.now() },
      kind === "payment" && { version_token: this.newId(30) },
    )
    this.happened(`${kind}.updated`, kind, row.id, { [kind]: row })
  }

  happened(type: string, kind: string, id: string, object: unknown): void {
    const event_id = randomUUID()
    const body = {
      merchant_id: "NEXUSMERCHANT",
      type,
      event_id,
      created_at: this.now(),
      data: { type: kind, id, object },
    }
    this.tell({ id: event_id, type, body })
  }
}

/** @throws Refusal 400 */
function parsed(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid("BAD_REQUEST", "The request body is not JSON.")
  }
}
