import { setTimeout as sleep } from "node:timers/promises"

import type { Answer, Call } from "../../support/server.ts"

type Options = NonNullable<Parameters<Call>[2]>

/** A dead request's key is taken over after 60 s (api.md 1.11), and servers come and go meanwhile. */
const patienceMs = 240_000

/** Whether an answer says what became of a request; not so while it is still running, or the shop is in trouble. */
function isFinal({ status, body }: Answer<any>): boolean {
  return status < 500 && status !== 429 && body?.code !== "request-in-progress"
}

/**
 * Sends a change under a key until it is known what became of it, as a good client would: through crashes, restarts and
 * answers that were lost.
 * @throws Error when it is not known after minutes
 */
export async function insist(
  call: Call,
  method: string,
  path: string,
  { key, ...options }: Options & { key: string },
): Promise<Answer<any>> {
  const deadline = Date.now() + patienceMs
  const headers = { ...options.headers, "idempotency-key": key }
  for (;;) {
    const answer = await call(method, path, { ...options, headers }).catch(() => undefined)
    if (answer && isFinal(answer)) return answer
    if (Date.now() > deadline)
      throw new Error(`${method} ${path} has no answer: ${answer?.status} ${answer?.body?.code}`)
    await sleep(answer ? 1000 : 250)
  }
}
