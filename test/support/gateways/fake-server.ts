import { createHmac } from "node:crypto"
import { createServer, type IncomingMessage } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"

import { type Behaviour, type FakeEvent, Ledger } from "./ledger.ts"

/** How often an event is sent again to a shop that does not take it: after 0.5, 1, 2… seconds. */
const tries = 8

/** The fake gateway as a server of its own, which outlives the shop. */
export type FakeServer = {
  /** `http://127.0.0.1:<port>` */
  url: string
  ledger: Ledger
  /** The payer of this payment pays, or is declined. */
  pay(id: string): void
  /** Where its events go from now on. */
  sendTo(shop: string): void
  /** Waits for the events that are still on their way, and closes. */
  stop(): Promise<void>
}

/** Starts it; it knows the shop by `secret`, and signs its events with it. */
export async function startFakeGateway({
  secret,
  behaviour,
}: {
  secret: string
  behaviour?: Partial<Behaviour>
}): Promise<FakeServer> {
  const ledger = new Ledger(behaviour)
  const onTheirWay = new Set<Promise<void>>()
  let shop = ""

  const send = (event: FakeEvent) => {
    const sent = deliver(shop, secret, event, Math.floor(ledger.random() * ledger.behaviour.lateMs))
    onTheirWay.add(sent)
    void sent.finally(() => onTheirWay.delete(sent))
  }
  const publish = (events: readonly FakeEvent[]) => {
    for (const event of events) {
      if (ledger.happens(ledger.behaviour.lose)) continue
      send(event)
      if (ledger.happens(ledger.behaviour.duplicate)) send(event)
    }
  }

  const server = createServer(async (request, response) => {
    if (request.headers.authorization !== `Bearer ${secret}`) {
      response.writeHead(401).end()
      return
    }
    const text = await bodyOf(request)
    if (ledger.happens(ledger.behaviour.dropBefore)) {
      request.socket.destroy()
      return
    }
    const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>)
    const handled = ledger.handle(request.method ?? "GET", request.url ?? "/", body)
    const isEarly = ledger.happens(ledger.behaviour.early)
    if (isEarly) publish(handled.events)
    await sleep(Math.floor(ledger.random() * ledger.behaviour.delayMs))
    if (!isEarly) publish(handled.events)
    if (ledger.happens(ledger.behaviour.dropAfter)) {
      request.socket.destroy()
      return
    }
    response
      .writeHead(handled.status, { "content-type": "application/json" })
      .end(JSON.stringify(handled.body))
  })
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject).listen(0, "127.0.0.1", resolve)
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    ledger,
    pay: (id) => publish(ledger.pay(id).events),
    sendTo: (base) => {
      shop = base
    },
    async stop() {
      await Promise.all(onTheirWay)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}

/** Sends an event until the shop takes it, or it is given up. */
async function deliver(
  shop: string,
  secret: string,
  event: FakeEvent,
  lateMs: number,
): Promise<void> {
  const body = JSON.stringify(event)
  await sleep(lateMs)
  for (let attempt = 0; attempt < tries; attempt++) {
    const seconds = Math.floor(Date.now() / 1000)
    const signature = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")
    const answer = await fetch(`${shop}/api/v1/payments/webhooks/fake`, {
      method: "POST",
      headers: {
        connection: "close",
        "content-type": "application/json",
        "fake-signature": `t=${seconds},v1=${signature}`,
      },
      body,
    }).catch(() => undefined)
    await answer?.arrayBuffer()
    if (answer?.ok) return
    await sleep(500 * 2 ** attempt)
  }
}
