import type { AppContext } from "#http/env.ts"
import { iso } from "#lib/time.ts"

/** A CSV file that is written as it is read. Its tag is of this moment: a digest would have it kept in memory. */
export function streamedCsv(c: AppContext, name: string, pieces: AsyncGenerator<string>) {
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next()
      if (done) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
    async cancel() {
      await pieces.return(undefined)
    },
  })
  const date = iso(c.var.ctx.now)
  return c.body(body, 200, {
    "Content-Type": "text/csv; charset=utf-8",
    "Content-Disposition": `attachment; filename="${name}-${date.slice(0, 10)}.csv"`,
    ETag: `W/"${date}-${c.var.requestId}"`,
  })
}
