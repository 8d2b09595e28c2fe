import { createHmac } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"

import { type Behaviour, type FakeEvent, Ledger } from "./ledger.ts"

/** A fake gateway that runs, outside the shop: it goes on when the shop is killed. */
export type FakeServer = {
  url: string
  ledger: Ledger
  /** Events that are still to be sent, those that nobody took included. */
  waiting(): number
  close(): Promise<void>
}

type Options = {
  port?: number
  secret: string
  /** Where the shop takes webhooks: `http://localhost:8787/api/v1/payments/webhooks/fake`. */
  webhookUrl: string
  behaviour?: Partial<Behaviour>
  /** Where the books are kept, so that they outlive this process too. */
  file?: string
}

/** How long an event that nobody took waits before it is sent again, in ms, and how often it is. */
const retryMs = 500
const mostTries = 200

/**
 * Starts the fake gateway: its ledger over HTTP, webhooks signed as `gateways/fake.ts` reads them and sent until they
 * are taken, and for whoever tests with it:
 * GET `/__ledger` (payments, refunds, totals), POST `/__behaviour` (a part of `Behaviour`), POST `/__pay` (the payer
 * pays what is open: `{ id? , decline? }`), POST `/__refunds` (`{ status }` of those that are on their way).
 */
export async function startFakeGateway(options: Options): Promise<FakeServer> {
  const { secret, webhookUrl, file } = options
  const ledger = new Ledger(options.behaviour)
  if (file !== undefined && existsSync(file)) ledger.load(readFileSync(file, "utf8"))
  let waiting = 0
  let isClosed = false
  const keep = () => file !== undefined && writeFileSync(file, ledger.save())

  async function deliver(event: FakeEvent): Promise<void> {
    const { behaviour } = ledger
    if (ledger.happens(behaviour.lose)) return
    waiting += 1
    await sleep(ledger.random() * behaviour.lateMs)
    for (let tries = 0; tries < mostTries && !isClosed; tries++) {
      if (await post(event)) break
      await sleep(retryMs)
    }
    waiting -= 1
  }
  async function post(event: FakeEvent): Promise<boolean> {
    const body = JSON.stringify(event)
    const seconds = Math.floor(Date.now() / 1000)
    const signature = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("base64url")
    const headers = {
      "content-type": "application/json",
      "fake-signature": `t=${seconds},v1=${signature}`,
      connection: "close",
    }
    const sent = await fetch(webhookUrl, { method: "POST", headers, body }).catch(() => undefined)
    await sent?.body?.cancel()
    return sent?.ok ?? false
  }
  function send(events: readonly FakeEvent[]): void {
    for (const event of events) {
      void deliver(event)
      if (ledger.happens(ledger.behaviour.duplicate)) void deliver(event)
    }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString()
      void answer(request.method ?? "GET", request.url ?? "/", text === "" ? {} : JSON.parse(text))
    })
    async function answer(method: string, path: string, body: any): Promise<void> {
      const say = (status: number, said: unknown) => {
        response.writeHead(status, { "content-type": "application/json" })
        response.end(JSON.stringify(said))
      }
      if (path.startsWith("/__")) return say(200, administer(path, body))
      if (request.headers.authorization !== `Bearer ${secret}`)
        return say(401, { error: "unauthorized" })
      const { behaviour } = ledger
      if (ledger.happens(behaviour.dropBefore)) return void request.socket.destroy()
      const handled = ledger.handle(method, path, body)
      keep()
      const isEarly = ledger.happens(behaviour.early)
      if (isEarly) send(handled.events)
      if (behaviour.delayMs > 0) await sleep(ledger.random() * behaviour.delayMs)
      if (ledger.happens(behaviour.dropAfter)) request.socket.destroy()
      else say(handled.status, handled.body)
      if (!isEarly) send(handled.events)
    }
  })

  function administer(path: string, body: any): unknown {
    if (path === "/__behaviour") ledger.behave(body)
    if (path === "/__pay") {
      const open = [...ledger.payments.values()].filter(
        ({ id, status }) => status === "unpaid" && (body.id === undefined || id === body.id),
      )
      for (const { id } of open) send(ledger.pay(id, body.decline).events)
    }
    if (path === "/__refunds") send(ledger.settleRefunds(body.status))
    keep()
    return {
      behaviour: ledger.behaviour,
      waiting,
      totals: ledger.totals(),
      payments: [...ledger.payments.values()],
      refunds: [...ledger.refunds.values()],
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve)
  })
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    ledger,
    waiting: () => waiting,
    async close() {
      isClosed = true
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

/** `node test/support/gateways/fake-server.ts --port 8790 --secret … [--shop http://localhost:8787] [--file books.json]` */
if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "8790" },
      secret: { type: "string", default: "a secret of the fake gateway" },
      shop: { type: "string", default: "http://localhost:8787" },
      file: { type: "string" },
    },
  })
  const { url } = await startFakeGateway({
    port: Number(values.port),
    secret: values.secret,
    webhookUrl: `${values.shop}/api/v1/payments/webhooks/fake`,
    ...(values.file !== undefined && { file: values.file }),
  })
  console.log(`The fake gateway is ready on ${url}`)
}
