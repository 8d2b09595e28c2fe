import type { AppContext } from "#http/env.ts"
import { countCap, type Page } from "#platform/page.ts"

/** A page on the wire: with the absolute addresses of its neighbours, which the `Link` header repeats (RFC 8288). */
export function paged<T>(c: AppContext, page: Page<T>) {
  const { limit, offset, page: number, after } = page.window
  const more = page.nextCursor !== null || (after === undefined && offset + limit < page.count)
  const step = (to: number) =>
    number === undefined
      ? address(c, { offset: String(to), limit: String(limit) })
      : address(c, { page: String(to / limit + 1) })
  const next = !more
    ? null
    : page.nextCursor !== null && (after !== undefined || offset + limit >= countCap)
      ? address(c, { cursor: page.nextCursor })
      : step(offset + limit)
  const previous = after !== undefined || offset === 0 ? null : step(Math.max(0, offset - limit))
  const links = [next && `<${next}>; rel="next"`, previous && `<${previous}>; rel="prev"`].filter(
    (link) => link !== null,
  )
  if (links.length > 0) c.header("Link", links.join(", "))
  return {
    count: page.count,
    ...(page.isCapped && { count_is_capped: true as const }),
    next,
    previous,
    next_cursor: page.nextCursor,
    results: page.results,
  }
}

function address(c: AppContext, changes: Record<string, string>): string {
  const url = new URL(c.req.url)
  for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value)
  return url.href
}
