import type { AppContext } from "#http/env.ts"

/** The caller's address as Cloudflare saw it. `X-Forwarded-For` is never believed: anybody can write it. */
export function addressOf(c: AppContext): string {
  return c.req.header("cf-connecting-ip") ?? "local"
}
