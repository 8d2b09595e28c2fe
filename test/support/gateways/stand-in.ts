import { env } from "cloudflare:workers"
import { onTestFinished, vi } from "vitest"

import { configOf } from "#config.ts"

import { type Answer, call } from "../api.ts"
import { goodCard } from "./cards.ts"
import { credentialsOf } from "./credentials.ts"
import type { Party, Told } from "./party.ts"
import { PayPal } from "./paypal/paypal.ts"
import { Square } from "./square/square.ts"
import { Stripe } from "./stripe/stripe.ts"

type Name = "stripe" | "paypal" | "square"

/** The three gateways behind a faked `fetch`, where the shop is set up to find them until the test ends. */
export type StandIns = {
  parties: { stripe: Stripe; paypal: PayPal; square: Square }
  /** What the shop asked them, in order: `POST /v1/refunds`. */
  asked: string[]
  /** Has the payer of this start of a payment pay it. */
  pay(name: Name, start: { client_secret?: string; redirect_url?: string }, card?: string): void
  /** What a gateway has to tell and did not yet, oldest first. */
  take(name: Name): Told[]
  /** Sends what a gateway has to tell, signed; all that waits by default. */
  send(name: Name, told?: readonly Told[]): Promise<Answer[]>
  /** Called with each request once it is done, before it is answered. */
  early: ((party: Party) => Promise<unknown>) | undefined
}

/** Stands the three gateways up; `capture` as the shop's setting. Any other address fails. */
export function standIn({
  capture = "automatic",
}: { capture?: "automatic" | "manual" } = {}): StandIns {
  const config = configOf(env)
  const credentials = credentialsOf(config.baseUrl)
  const parties = {
    stripe: new Stripe(credentials.stripe),
    paypal: new PayPal(credentials.paypal),
    square: new Square(credentials.square),
  }
  const before = config.payments
  config.payments = {
    ...before,
    capture,
    stripe: { ...credentials.stripe, apiUrl: "http://stripe.test" },
    paypal: { ...credentials.paypal, isSandbox: true, apiUrl: "http://paypal.test" },
    square: { ...credentials.square, isSandbox: true, apiUrl: "http://square.test" },
  }
  const spy = vi.spyOn(globalThis, "fetch")
  onTestFinished(() => {
    config.payments = before
    spy.mockRestore()
  })
  const asked: string[] = []
  spy.mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init)
    const url = new URL(request.url)
    const name = /^(stripe|paypal|square)\.test$/.exec(url.hostname)?.[1] as Name | undefined
    if (name === undefined) throw new TypeError(`nobody is at ${request.url}`)
    const party: Party = parties[name]
    const line = `${request.method} ${url.pathname}`
    asked.push(line)
    const fault = party.fault(line)
    if (fault.drop === "before") throw new TypeError("connection lost")
    const { status, body, headers } =
      fault.status === undefined
        ? party.answer({
            method: request.method,
            path: url.pathname,
            query: url.searchParams,
            headers: Object.fromEntries(request.headers),
            text: new TextDecoder().decode(await request.arrayBuffer()),
            base: url.origin,
          })
        : party.refuse(fault.status)
    await standIns.early?.(party)
    if (fault.drop === "after") throw new TypeError("connection lost")
    return new Response(typeof body === "string" ? body : JSON.stringify(body ?? null), {
      status: status === 204 ? 200 : status,
      headers: {
        "content-type": "application/json",
        date: new Date().toUTCString(),
        ...headers,
      },
    })
  })
  const standIns: StandIns = {
    parties,
    asked,
    pay(name, { client_secret: secret, redirect_url: url }, card = goodCard) {
      const party: Party = parties[name]
      const at = url === undefined ? undefined : new URL(url)
      const ref =
        secret?.replace(/_secret.*$/, "") ??
        at?.searchParams.get("token") ??
        at?.pathname.split("/").at(-1) ??
        ""
      party.pay(ref, card)
    },
    take: (name) => parties[name].news.splice(0),
    async send(name, told = standIns.take(name)) {
      const answers: Answer[] = []
      for (const one of told) {
        const { body, headers } = parties[name].sign(one)
        answers.push(
          await call("POST", `payments/webhooks/${name}`, {
            body,
            headers: { "content-type": "application/json", ...headers },
          }),
        )
      }
      return answers
    },
    early: undefined,
  }
  return standIns
}
