import { createHash, createHmac, randomUUID } from "node:crypto"

import type { Behaviour } from "../behaviour.ts"
import { goodCard } from "../cards.ts"
import {
  type Asked,
  type Bill,
  type Booked,
  keyAmong,
  Party,
  type Said,
  type Told,
  unguessable,
} from "../party.ts"
import { chargeRoutes } from "./charge-routes.ts"
import { customerRoutes, confirmSetup } from "./customers.ts"
import { dispute } from "./disputes.ts"
import { intentRoutes, succeed } from "./intents.ts"
import { settle } from "./refunds.ts"
import { missing, paramsOf, type Params, Refusal, type Route } from "./wire.ts"

/** The API version whose forms these are. */
const version = "2026-10-28.endive"
const names: Record<string, string> = {
  pi: "payment_intent",
  ch: "charge",
  re: "refund",
  cus: "customer",
  pm: "PaymentMethod",
  seti: "setupintent",
  dp: "dispute",
  txn: "balance_transaction",
  evt: "event",
}

type Kept = { params: string; status: number; body: unknown }

/** Stripe as a shop meets it (docs.stripe.com/api): forms in, JSON out, keys kept with what they answered. */
export class Stripe extends Party {
  readonly name = "stripe"
  /** Where it is reached, as the last caller saw it. */
  base = "http://127.0.0.1"
  readonly #secretKey: string
  readonly #webhookSecret: string
  readonly #routes: Route[]
  #afterwards: (() => void)[] = []
  #request: { id: string; idempotency_key: string | null } = { id: "", idempotency_key: null }

  constructor(
    { secretKey, webhookSecret }: { secretKey: string; webhookSecret: string },
    behaviour: Partial<Behaviour> = {},
  ) {
    super(behaviour)
    this.#secretKey = secretKey
    this.#webhookSecret = webhookSecret
    this.#routes = [...intentRoutes(this), ...chargeRoutes(this), ...customerRoutes(this)]
  }

  owns(path: string): boolean {
    return this.#find("GET", path) !== undefined || this.#find("POST", path) !== undefined
  }

  answer(asked: Asked): Said {
    this.base = asked.base
    const key = asked.headers["idempotency-key"] ?? null
    this.#request = { id: `req_${unguessable(14)}`, idempotency_key: key }
    const headers = { "request-id": this.#request.id, "stripe-version": version }
    const params = paramsOf(asked.method === "POST" ? asked.text : asked.query.toString())
    if (!this.#isKnown(asked, params))
      return said(
        new Refusal(401, {
          type: "invalid_request_error",
          message: "Invalid API Key provided: ****",
        }),
        headers,
      )
    const kept =
      key !== null && asked.method === "POST" ? this.table<Kept>("keys").get(key) : undefined
    const hash = createHash("sha256").update(`${asked.path}\n${asked.text}`).digest("hex")
    if (kept && kept.params !== hash)
      return said(
        new Refusal(400, {
          type: "idempotency_error",
          message: `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
        }),
        headers,
      )
    if (kept)
      return {
        status: kept.status,
        body: kept.body,
        headers: {
          ...headers,
          "idempotent-replayed": "true",
          "original-request": this.#request.id,
        },
      }
    const { answer, isStored } = this.#run(asked, params, headers)
    if (key !== null && asked.method === "POST" && isStored)
      this.table<Kept>("keys").set(key, { params: hash, status: answer.status, body: answer.body })
    for (const work of this.#afterwards.splice(0)) work()
    return answer
  }

  #run(
    asked: Asked,
    params: Params,
    headers: Record<string, string>,
  ): { answer: Said; isStored: boolean } {
    const found = this.#find(asked.method, asked.path)
    try {
      if (!found)
        throw new Refusal(404, {
          type: "invalid_request_error",
          message: `Unrecognized request URL (${asked.method}: ${asked.path}).`,
        })
      const result = found.run(params, found.id)
      const body = this.#expanded(this.seen(structuredClone(result)), params["expand"] ?? [])
      return { answer: { status: 200, body, headers }, isStored: true }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { answer: said(error, headers), isStored: error.isStored }
    }
  }

  #find(method: string, path: string): { run: Route[2]; id: string } | undefined {
    for (const [by, template, run] of this.#routes) {
      const [, id = ""] = new RegExp(`^${template.replace(":id", "([^/]+)")}$`).exec(path) ?? [
        undefined,
        undefined,
      ]
      const isIt = template.includes(":id") ? id !== "" && !/^search$/.test(id) : template === path
      if (by === method && isIt) return { run, id }
    }
    return undefined
  }

  /** The secret key opens everything; a client secret its own intent, with the publishable key. */
  #isKnown({ headers, path }: Asked, params: Params): boolean {
    const [scheme, given = ""] = (headers["authorization"] ?? "").split(" ")
    const key =
      scheme === "Basic" ? Buffer.from(given, "base64").toString().replace(/:$/, "") : given
    if (key === this.#secretKey) return true
    const secret = params["client_secret"]
    const [, id = ""] = /^\/v1\/(?:payment|setup)_intents\/(\w+)(?:\/confirm)?$/.exec(path) ?? []
    const intent = this.table("pi").get(id) ?? this.table("seti").get(id)
    return (
      String(params["key"] ?? key).startsWith("pk_") &&
      secret !== undefined &&
      intent?.client_secret === secret
    )
  }

  refuse(status: number): Said {
    const type =
      status === 409 ? "idempotency_error" : status === 429 ? "invalid_request_error" : "api_error"
    const code =
      status === 409 ? "idempotency_key_in_use" : status === 429 ? "rate_limit" : undefined
    const message =
      status === 409
        ? "There is currently another in-progress request using this Idempotent Key."
        : status === 429
          ? "Request rate limit exceeded."
          : "An unknown error occurred."
    const headers = { "stripe-should-retry": String(status !== 429) }
    return said(new Refusal(status, { type, message, ...(code && { code }) }), headers)
  }

  keyOf({ method, headers }: Asked): string | undefined {
    return method === "POST" ? headers["idempotency-key"] : undefined
  }

  sign({ body }: Told): { body: string; headers: Record<string, string> } {
    const text = JSON.stringify(body, null, 2)
    const at = this.now()
    const signature = createHmac("sha256", this.#webhookSecret)
      .update(`${at}.${text}`)
      .digest("hex")
    return { body: text, headers: { "stripe-signature": `t=${at},v1=${signature}` } }
  }

  drifted(told: Told): Told {
    const copy = structuredClone(told)
    const { object } = copy.body["data"]
    for (const name of ["amount", "amount_received", "amount_captured"])
      if (object[name] > 0) object[name] += 1
    return copy
  }

  bill(ref: string): Bill | undefined {
    const intent = this.table("pi").get(ref) ?? this.table("seti").get(ref)
    return (
      intent && {
        amount: intent.amount ?? 0,
        currency: intent.currency ?? "usd",
        status: intent.status,
        isOpen: /^requires_(?:payment_method|confirmation|action)$/.test(intent.status),
        returnUrl: intent.next_action?.redirect_to_url?.return_url ?? null,
        cancelUrl: null,
      }
    )
  }

  bills(): string[] {
    return [...this.table("pi").keys(), ...this.table("seti").keys()]
  }

  pay(ref: string, card: string): { failure: string | null; goTo: string | null } {
    this.#request = { id: `req_${unguessable(14)}`, idempotency_key: null }
    const isSetup = ref.startsWith("seti_")
    const intent = this.get(isSetup ? "seti" : "pi", ref)
    const goTo = this.bill(ref)?.returnUrl ?? null
    try {
      // A challenge that its holder passes is as good as a card that asks for none.
      if (intent.status === "requires_action" && card === goodCard)
        succeed(this, intent, this.get("pm", intent.payment_method))
      else {
        const params = {
          client_secret: intent.client_secret,
          payment_method_data: { type: "card", card: { number: card } },
        }
        if (isSetup) confirmSetup(this, intent, params)
        else this.#find("POST", `/v1/payment_intents/${ref}/confirm`)?.run(params, ref)
      }
      return { failure: null, goTo }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { decline_code } = error.error as { decline_code?: string }
      return { failure: decline_code ?? error.message, goTo: null }
    }
  }

  settleRefunds(status: "succeeded" | "failed"): void {
    for (const made of this.table("re").values())
      if (made.status === "pending") settle(this, made, status)
  }

  dispute(ref: string, outcome?: "won" | "lost"): void {
    dispute(this, this.get("ch", this.get("pi", ref).latest_charge), outcome)
  }

  /** Whole seconds, as all its times are. */
  now(): number {
    return Math.floor(Date.now() / 1000)
  }
  newId(prefix: string): string {
    return `${prefix}_${prefix === "evt" || prefix === "pi" || prefix === "ch" ? "3" : ""}${unguessable(22)}`
  }
  /** @throws Refusal 404 */
  get(kind: string, id: string, param?: string): any {
    const row = this.table(kind).get(id)
    if (!row) throw missing(names[kind] ?? kind, id, param)
    return row
  }
  /** Done once the answer is made: what the bank does later. */
  afterwards(work: () => void): void {
    this.#afterwards.push(work)
  }
  /** An object without what only this server knows of it. */
  seen(row: any): any {
    const { number: _, ...rest } = row
    return rest.object === "list" || rest.object === "search_result"
      ? { ...rest, data: rest.data.map((one: any) => this.seen(one)) }
      : rest
  }
  bookOf(row: any, moved: Partial<Booked>): void {
    const { metadata } = this.get("pi", row.payment_intent)
    this.book(row.payment_intent, row.currency.toUpperCase(), {
      ...moved,
      key: keyAmong(Object.values(metadata)),
    })
  }

  happened(type: string, object: any): void {
    const id = this.newId("evt")
    const event = {
      id,
      object: "event",
      api_version: version,
      created: this.now(),
      data: { object: this.seen(structuredClone(object)) },
      livemode: false,
      pending_webhooks: 1,
      request: { ...this.#request },
      type,
    }
    this.table("evt").set(id, event)
    this.tell({ id, type, body: event })
  }

  /** `latest_charge.balance_transaction`: ids replaced by what they name. */
  #expanded(object: any, paths: string[] | Record<string, string>): any {
    for (const path of Object.values(paths)) this.#expand(object, path.split("."))
    return object
  }
  #expand(at: any, [step, ...rest]: string[]): void {
    if (at === null || at === undefined || step === undefined) return
    if (Array.isArray(at)) return at.forEach((one) => this.#expand(one, [step, ...rest]))
    if (typeof at[step] === "string") {
      const [prefix = ""] = at[step].split("_")
      const row = this.table(prefix).get(at[step])
      if (row) at[step] = this.seen(structuredClone(row))
    }
    this.#expand(at[step], rest)
  }
}

function said({ status, error }: Refusal, headers: Record<string, string>): Said {
  const request_log_url = `https://dashboard.stripe.com/test/logs/req_${randomUUID().slice(0, 8)}`
  return { status, body: { error: { ...error, request_log_url } }, headers }
}
