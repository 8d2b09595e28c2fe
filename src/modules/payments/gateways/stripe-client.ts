import Stripe from "stripe"

import type { StripeSettings } from "#config.ts"
import { fetchWithin, refusalOf, refused, silent } from "#platform/call.ts"

import type { Amount } from "../gateway.ts"
import { toStripe } from "./amounts.ts"

export type StripeError = InstanceType<typeof Stripe.errors.StripeError>

/** The most that an answer weighs, in bytes: a list of 100 things has some 500 KiB. */
const mostBytes = 2 * 1024 * 1024

/**
 * Stripe's own client over `fetch`. It asks once more, with the same key, when a connection breaks or Stripe is busy;
 * what is left open then is the sweeper's.
 */
export function clientOf({ secretKey, apiUrl }: StripeSettings): Stripe {
  const url = apiUrl === undefined ? undefined : new URL(apiUrl)
  return new Stripe(secretKey, {
    httpClient: Stripe.createFetchHttpClient((input, init) =>
      fetchWithin(mostBytes, new Request(input).url, init ?? {}),
    ),
    maxNetworkRetries: 1,
    timeout: 15_000,
    telemetry: false,
    ...(url && {
      protocol: url.protocol === "http:" ? "http" : "https",
      host: url.hostname,
      port: url.port || (url.protocol === "http:" ? 80 : 443),
    }),
  })
}

/**
 * What Stripe answers. An error that says that nothing was done is `payment-refused` with Stripe's word for it, one
 * that `expected` understands is what that makes of it, and any other is no answer.
 * @throws `payment-refused`, `unavailable`
 */
export async function ask<T>(
  question: () => Promise<T>,
  expected: (error: StripeError) => T | undefined | Promise<T | undefined> = () => undefined,
): Promise<T> {
  try {
    return await question()
  } catch (error) {
    // Refused here already, before anything was sent.
    if (refusalOf(error) !== undefined) throw error
    if (!(error instanceof Stripe.errors.StripeError) || !isAnswer(error))
      throw silent("Stripe", error)
    const known = await expected(error)
    if (known !== undefined) return known
    throw refused(error.decline_code ?? error.code ?? error.type, error)
  }
}

/**
 * Whether an error is Stripe's answer: a refusal of this request. 409 is another one under the same key that still
 * runs, 401 and 403 are a key that is to be mended.
 */
function isAnswer({ statusCode }: StripeError): boolean {
  return statusCode === 400 || statusCode === 402 || statusCode === 404
}

/** The same of something that may not be there: `undefined` then. @throws `payment-refused`, `unavailable` */
export async function askFor<T>(question: () => Promise<T>): Promise<T | undefined> {
  const { found } = await ask(
    async (): Promise<{ found: T | undefined }> => ({ found: await question() }),
    ({ code }) => (code === "resource_missing" ? { found: undefined } : undefined),
  )
  return found
}

/** An amount as Stripe counts it. @throws `payment-refused` for one that it cannot take; `takes` says so before */
export function countOf(amount: Amount): number {
  const count = toStripe(amount)
  if (count === undefined) throw refused("amount-not-taken")
  return count
}

/** Whether a key was used before, with other parameters. */
export function isReused({ type }: StripeError): boolean {
  return type === "StripeIdempotencyError"
}

/** As of when Stripe answered, by its own clock (Unix time). Over `fetch` the last response is a `Response`, whatever its type says. */
export function secondsOf(answer: { created: number; lastResponse: unknown }): number {
  const { headers } = answer.lastResponse as Response
  const at = Date.parse(headers.get("date") ?? "")
  return Number.isNaN(at) ? answer.created : Math.floor(at / 1000)
}
