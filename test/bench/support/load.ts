import { connect, type Socket } from "node:net"

/** What a burst of one request over and over came to. */
export type Burst = { perSecond: number; bytes: number; failures: number }

/**
 * Sends the same GET over `connections` kept-alive connections for `seconds`, the next one on each as soon as its answer is
 * there. Raw sockets, since an HTTP client of Node would be slower than the shop. `bytes`: of one answer, headers included.
 */
export async function burst(
  base: string,
  path: string,
  {
    seconds = 3,
    connections = 16,
    headers = {},
  }: { seconds?: number; connections?: number; headers?: Record<string, string> } = {},
): Promise<Burst> {
  const { host, hostname, port } = new URL(base)
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`)
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`)
  const started = performance.now()
  const until = started + seconds * 1000
  const sockets = Array.from({ length: connections }, () => connect(Number(port), hostname))
  const sums = await Promise.all(sockets.map((socket) => drive(socket, request, until)))
  const spent = (performance.now() - started) / 1000
  const answers = sums.reduce((sum, one) => sum + one.answers, 0)
  return {
    perSecond: answers / spent,
    bytes: Math.round(sums.reduce((sum, one) => sum + one.bytes, 0) / Math.max(1, answers)),
    failures: sums.reduce((sum, one) => sum + one.failures, 0),
  }
}

function drive(socket: Socket, request: Buffer, until: number) {
  const sum = { answers: 0, bytes: 0, failures: 0 }
  return new Promise<typeof sum>((resolve, reject) => {
    let head = ""
    let left = -1
    let got = 0
    socket.setNoDelay(true)
    socket.on("error", reject)
    socket.on("close", () => resolve(sum))
    socket.on("connect", () => socket.write(request))
    socket.on("data", (chunk) => {
      got += chunk.length
      if (left < 0) {
        head += chunk.toString("latin1")
        const end = head.indexOf("\r\n\r\n")
        if (end < 0) return
        const length = /^content-length: (\d+)/im.exec(head.slice(0, end))?.[1]
        if (length === undefined)
          return socket.destroy(new Error(`an answer without its length:\n${head.slice(0, end)}`))
        left = Number(length) - (head.length - end - 4)
        if (!/^HTTP\/1.1 (?:200|304)/.test(head)) sum.failures += 1
      } else left -= chunk.length
      if (left > 0) return
      sum.answers += 1
      sum.bytes += got
      head = ""
      left = -1
      got = 0
      if (performance.now() >= until) socket.end()
      else socket.write(request)
    })
  })
}
