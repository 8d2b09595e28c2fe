import { createServer, type IncomingHttpHeaders } from "node:http"

/** A webhook as it came. */
export type Webhook = { gateway: string; headers: IncomingHttpHeaders; body: string; event: any }

/** Somebody who takes webhooks where a shop would. */
export type Listener = {
  url: string
  taken: Webhook[]
  /** So many webhooks that fit, as soon as they have come. */
  take(fits: (webhook: Webhook) => boolean, count?: number): Promise<[Webhook, ...Webhook[]]>
  /** Answers webhooks with this status from now on. */
  say(status: number): void
  close(): Promise<void>
}

export async function startListener(): Promise<Listener> {
  const taken: Webhook[] = []
  const waiting = new Set<() => void>()
  let status = 200
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString()
      const gateway = request.url?.split("/").at(-1) ?? ""
      taken.push({ gateway, headers: request.headers, body, event: JSON.parse(body) })
      response.writeHead(status).end()
      for (const look of waiting) look()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    taken,
    take: (fits, count = 1) =>
      new Promise((resolve) => {
        const look = () => {
          const [first, ...rest] = taken.filter(fits)
          if (!first || rest.length < count - 1) return void waiting.add(look)
          waiting.delete(look)
          resolve([first, ...rest])
        }
        look()
      }),
    say(next) {
      status = next
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
