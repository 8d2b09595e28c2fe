import { env } from "cloudflare:workers"
import { vi } from "vitest"

import { hmac } from "#lib/secret.ts"

import { type Answer, call } from "../api.ts"
import type { Behaviour } from "./behaviour.ts"
import { type FakeEvent, Ledger } from "./ledger.ts"

const { FAKE_GATEWAY_URL: url, FAKE_GATEWAY_SECRET: secret } = env as unknown as Record<
  string,
  string
>

/** The fake gateway behind a faked `fetch`: its books, and what it would have sent, which the test delivers. */
export type FakeGateway = {
  ledger: Ledger
  /** Events that were not sent yet, oldest first. */
  events: FakeEvent[]
  /** What the shop asked it, in order. */
  asked: string[]
  /** Sends these events to the shop as they are, signed; all that wait by default. */
  send(events?: FakeEvent[]): Promise<Answer[]>
  /** The payer of the only open payment pays, or is declined. */
  pay(decline?: boolean): void
}

/** Stands a fake gateway where the shop's `fetch` finds it; any other address fails. */
export function standUp(behaviour: Partial<Behaviour> = {}): FakeGateway {
  const ledger = new Ledger(behaviour)
  const asked: string[] = []
  const events: FakeEvent[] = []
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init)
    if (!request.url.startsWith(`${url}/`)) throw new TypeError(`nobody is at ${request.url}`)
    if (request.headers.get("authorization") !== `Bearer ${secret}`)
      return Response.json({ error: "unauthorized" }, { status: 401 })
    const path = request.url.slice(url?.length)
    asked.push(`${request.method} ${path.replace(/(?:fp|pay|rfd)_\w+/, "…")}`)
    if (ledger.happens(ledger.behaviour.dropBefore)) throw new TypeError("connection lost")
    const text = await request.text()
    const handled = ledger.handle(request.method, path, text === "" ? {} : JSON.parse(text))
    events.push(...handled.events)
    if (ledger.happens(ledger.behaviour.dropAfter)) throw new TypeError("connection lost")
    return Response.json(handled.body, { status: handled.status })
  })
  const gateway: FakeGateway = {
    ledger,
    events,
    asked,
    send: (given = events.splice(0)) => Promise.all(given.map((event) => deliver(event))),
    pay(decline = false) {
      const open = [...ledger.payments.values()].filter(
        ({ status }) => status === "unpaid" || status === "failed",
      )
      const [only] = open
      if (!only || open.length > 1) throw new Error(`${open.length} open payments`)
      events.push(...ledger.pay(only.id, decline).events)
    },
  }
  return gateway
}

/** Sends an event to the shop, signed now unless said otherwise. */
export async function deliver(
  event: unknown,
  { at = Date.now(), key = secret ?? "" }: { at?: number; key?: string } = {},
): Promise<Answer> {
  const body = JSON.stringify(event)
  const seconds = Math.floor(at / 1000)
  const signature = await hmac(key, `${seconds}.${body}`)
  return call("POST", "payments/webhooks/fake", {
    body,
    headers: {
      "content-type": "application/json",
      "fake-signature": `t=${seconds},v1=${signature}`,
    },
  })
}
