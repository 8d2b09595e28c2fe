import type { Ctx } from "#context.ts"
import { base32Of, type Id } from "#lib/id.ts"
import { fromBase64url, hmac, sha256 } from "#lib/secret.ts"
import { attempt } from "#modules/auth/limits.ts"

/** Characters of a code, of five bits each: a hundred bits, which nobody guesses, nor finds from the hash. */
const codeLength = 20

/**
 * The code of a gift card: derived from its id under the shop's key, so that the database holds its hash alone and the
 * mail that is sent again holds the same code. `7K3M-9QXA-…`
 */
export async function codeOf(ctx: Ctx, id: Id<"giftCard">): Promise<string> {
  const bytes = fromBase64url(await hmac(ctx.config.dataKey, `gift card ${id}`))
  const text = base32Of(bytes.slice(0, codeLength)).toUpperCase()
  return text.replaceAll(/.{4}(?=.)/g, "$&-")
}

/**
 * A code as it is compared: letters of any case, spaces and hyphens anywhere, O read as 0, I and L as 1 (Crockford).
 */
export function bare(code: string): string {
  return code.toLowerCase().replaceAll(/[\s-]/g, "").replaceAll("o", "0").replaceAll(/[il]/g, "1")
}

/** What the database knows of a code. */
export function hashOf(code: string): Promise<string> {
  return sha256(`gift card ${bare(code)}`)
}

/** The end of a code, by which people tell cards apart. */
export function last4Of(code: string): string {
  return bare(code).slice(-4).toUpperCase()
}

/** Counts a try of codes by this client, right or wrong, before they are looked at. @throws `rate-limited` with `retry_after` */
export async function countTry(ctx: Ctx): Promise<void> {
  const of = ctx.actor.type === "user" ? ctx.actor.id : ctx.client.address
  await attempt(ctx, { limit: "gift-card-client", of })
}
