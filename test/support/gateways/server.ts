import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { dirname } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"

import { administer } from "./administer.ts"
import type { Behaviour, Fault } from "./behaviour.ts"
import { type Credentials, credentialsOf, settingsOf } from "./credentials.ts"
import { Fake } from "./fake.ts"
import { paidPage, payPage } from "./pages.ts"
import type { Asked, GatewayName, Party, Said, Told } from "./party.ts"
import { PayPal } from "./paypal/paypal.ts"
import { Square } from "./square/square.ts"
import { Stripe } from "./stripe/stripe.ts"

/** Gateways that run, outside the shop: they go on when the shop is killed. */
export type Gateways = {
  url: string
  credentials: Credentials
  /** What a shop is set to that pays here. */
  settings: Record<string, string>
  parties: { fake: Fake; stripe: Stripe; paypal: PayPal; square: Square }
  /** Events that are still to be sent, those that nobody took included. */
  waiting(): number
  /** Hears of every webhook that was sent and what the shop said to it (`undefined`: nothing), until it is called off. */
  watch(hear: (sent: Sent) => void): () => void
  /** Sends what happened at them since: what whoever tests made happen. */
  tell(): void
  /** Changes how all of them behave. */
  behave(change: Partial<Behaviour>): void
  close(): Promise<void>
}

/** A webhook that was sent. */
export type Sent = {
  gateway: GatewayName
  told: Told
  isForged: boolean
  status: number | undefined
}

type Options = {
  port?: number
  /** Where the shop is: webhooks go to `<shop>/api/v1/payments/webhooks/<gateway>`. */
  shop: string
  behaviour?: Partial<Behaviour>
  /** Where the books are kept, so that they outlive this process too. */
  file?: string
}

/** How long an event that nobody took waits before it is sent again, in ms, and how often it is. */
const retryMs = 500
const mostTries = 200
const largestBody = 1_048_576

/**
 * Starts the gateways on one port: Stripe, PayPal, Square and the fake one, each at the paths it has; webhooks signed
 * as each signs and sent until they are taken; pages where payers pay (`/pay/<gateway>/<id>`); and for whoever tests
 * with it what `administer` does (`/__ledger`, `/__script`, `/__pay`…).
 */
export async function startGateways(options: Options): Promise<Gateways> {
  const { shop, file, behaviour = {} } = options
  const credentials = credentialsOf(shop)
  const seed = behaviour.seed ?? 1
  const parties = {
    fake: new Fake(credentials.fake, behaviour),
    stripe: new Stripe(credentials.stripe, { ...behaviour, seed: seed + 1 }),
    paypal: new PayPal(credentials.paypal, { ...behaviour, seed: seed + 2 }),
    square: new Square(credentials.square, { ...behaviour, seed: seed + 3 }),
  }
  const all: Party[] = Object.values(parties)
  if (file !== undefined && existsSync(file))
    for (const [name, saved] of JSON.parse(readFileSync(file, "utf8")))
      parties[name as GatewayName].load(saved)
  const watchers = new Set<(sent: Sent) => void>()
  let waiting = 0
  let isClosed = false

  function keep(): void {
    if (file === undefined) return
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, JSON.stringify(all.map((party) => [party.name, party.save()])))
  }

  async function deliver(party: Party, told: Told, fault: Fault): Promise<void> {
    waiting += 1
    if (fault.lateMs) await sleep(fault.lateMs)
    for (let tries = 0; tries < mostTries && !isClosed; tries++) {
      if (await post(party, told, false)) break
      await sleep(retryMs)
    }
    waiting -= 1
  }
  async function post(party: Party, told: Told, isForged: boolean): Promise<boolean> {
    const { body, headers } = party.sign(told)
    const sent = await fetch(`${shop}/api/v1/payments/webhooks/${party.name}`, {
      method: "POST",
      headers: { "content-type": "application/json", connection: "close", ...headers },
      body: isForged ? body.replace(/\}\s*$/, " }") : body,
      redirect: "manual",
    }).catch(() => undefined)
    await sent?.body?.cancel()
    for (const hear of watchers) hear({ gateway: party.name, told, isForged, status: sent?.status })
    return sent?.ok ?? false
  }
  /** Sends what a party has to tell, as the fault of the request that set it off says. */
  function send(party: Party, fault: Fault = {}): void {
    for (const told of party.news.splice(0)) {
      if (fault.forge) void post(party, told, true)
      if (fault.lose) continue
      const version = fault.drift ? party.drifted(told) : told
      for (let n = 0; n <= (fault.duplicate ?? 0); n++) void deliver(party, version, fault)
    }
  }

  /** A payer's browser: the page where they pay, and what they say there. */
  function visit(asked: Asked): Said {
    const [, , name = "", named = ""] = asked.path.split("/")
    // Stripe's payers have the client secret of what they pay.
    const ref = named.replace(/_secret.*$/, "")
    const party = all.find((one) => one.name === name)
    const bill = party?.bill(ref)
    const html = { "content-type": "text/html; charset=utf-8" }
    if (!party || !bill)
      return { status: 404, body: "Nobody knows of this payment.", headers: html }
    if (asked.method !== "POST" || !bill.isOpen)
      return { status: 200, body: payPage(party.name, bill, null), headers: html }
    const card = new URLSearchParams(asked.text).get("card") ?? ""
    const { failure, goTo } = party.pay(ref, card.replace(/\D/g, ""))
    keep()
    send(party, party.fault(`PAY ${ref}`))
    const next = party.bill(ref)
    if (failure !== null)
      return {
        status: 402,
        body: payPage(party.name, next ?? bill, `It was declined: ${failure}.`),
        headers: html,
      }
    if (next?.status === "requires_action")
      return { status: 200, body: payPage(party.name, next, null), headers: html }
    const back = goTo ?? asked.query.get("return_url")
    return back
      ? { status: 303, headers: { location: back } }
      : { status: 200, body: paidPage(party.name), headers: html }
  }

  /** A request of the shop, with whatever goes wrong with it. */
  async function serve(party: Party, asked: Asked, response: ServerResponse): Promise<void> {
    const fault = party.fault(`${asked.method} ${asked.path}`)
    const cut = () => void response.socket?.destroy()
    if (fault.drop === "before") return cut()
    if (fault.status !== undefined) return say(response, party.refuse(fault.status))
    if (!party.claim(asked)) return say(response, party.refuse(409))
    let said: Said
    try {
      if (fault.delayMs) await sleep(fault.delayMs)
      said = party.answer(asked)
      keep()
      if (fault.early) send(party, fault)
      if (fault.answerDelayMs) await sleep(fault.answerDelayMs)
    } finally {
      party.release(asked)
    }
    if (fault.drop === "after") cut()
    else await say(response, said, fault.slowBodyMs)
    send(party, fault)
  }

  const server = createServer((request, response) => {
    void (async () => {
      const asked = await read(request)
      if (asked === undefined) return say(response, { status: 413, body: "too large" })
      const party = all.find((one) => one.owns(asked.path))
      if (asked.path.startsWith("/__")) {
        const said = administer({ parties, waiting }, asked)
        keep()
        for (const one of all) send(one, one.fault(`POST ${asked.path}`))
        return say(response, said)
      }
      if (asked.path.startsWith("/pay/")) return say(response, visit(asked))
      if (asked.path === "/checkoutnow")
        return say(response, {
          status: 302,
          headers: { location: `/pay/paypal/${asked.query.get("token")}` },
        })
      if (!party) return say(response, { status: 404, body: { error: "no gateway has this path" } })
      return serve(party, asked, response)
    })().catch((error: unknown) => {
      console.error(error)
      response.socket?.destroy()
    })
  })

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve)
  })
  const url = `http://127.0.0.1:${portOf(server)}`
  return {
    url,
    credentials,
    settings: settingsOf(url, credentials),
    parties,
    waiting: () => waiting,
    watch(hear) {
      watchers.add(hear)
      return () => void watchers.delete(hear)
    },
    tell() {
      for (const party of all) send(party, party.fault("TELL"))
    },
    behave(change) {
      for (const party of all) party.behave(change)
    },
    async close() {
      isClosed = true
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The request, read to its end; `undefined` when it is too large. */
async function read(request: IncomingMessage): Promise<Asked | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > largestBody) return undefined
    chunks.push(chunk)
  }
  const base = `http://${request.headers.host ?? "127.0.0.1"}`
  const url = new URL(request.url ?? "/", base)
  return {
    method: request.method ?? "GET",
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers as Asked["headers"],
    text: Buffer.concat(chunks).toString(),
    base,
  }
}

/** Answers; in two halves when `slowMs` are to be between them. */
async function say(
  response: ServerResponse,
  { status, body, headers }: Said,
  slowMs = 0,
): Promise<void> {
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body)
  response.writeHead(status, {
    ...(text !== "" && { "content-type": "application/json" }),
    ...headers,
  })
  const half = Math.floor(text.length / 2)
  if (slowMs > 0) {
    response.write(text.slice(0, half))
    await sleep(slowMs)
  }
  response.end(slowMs > 0 ? text.slice(half) : text)
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

/**
 * `node test/support/gateways/server.ts [--port 8790] [--shop http://localhost:8787] [--file books.json]`: prints where
 * it is, and what a shop is to be set to.
 */
if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "8790" },
      shop: { type: "string", default: "http://localhost:8787" },
      file: { type: "string" },
    },
  })
  const { url, settings } = await startGateways({
    port: Number(values.port),
    shop: values.shop,
    ...(values.file !== undefined && { file: values.file }),
  })
  console.log(JSON.stringify({ url, settings }))
}
