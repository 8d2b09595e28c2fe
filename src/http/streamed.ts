import type { AppContext } from "#http/env.ts"
import { iso } from "#lib/time.ts"

/** A file that is written as it is read. Its tag is of this moment: a digest would have it kept in memory. */
export function streamed(
  c: AppContext,
  name: string,
  format: "csv" | "ndjson",
  pieces: AsyncGenerator<string>,
): Response {
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
    "Content-Type": format === "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson",
    "Content-Disposition": `attachment; filename="${name}-${date.slice(0, 10)}.${format}"`,
    ETag: `W/"${date}-${c.var.requestId}"`,
  })
}
