import type { PaypalSettings } from "#config.ts"
import { call, refused, silent } from "#platform/call.ts"

/** Where PayPal is reached. */
export function apiOf({ apiUrl, isSandbox }: PaypalSettings): string {
  return apiUrl ?? (isSandbox ? "https://api-m.sandbox.paypal.com" : "https://api-m.paypal.com")
}

/** `requestId`: PayPal answers what became of the same request under this id. */
type Question = { method: "GET" | "POST"; path: string; body?: unknown; requestId?: string }

/** PayPal's REST API: `undefined` for what is not there. @throws `payment-refused`, `unavailable` */
export type Paypal = <T>(question: Question) => Promise<T | undefined>

const patience = { ms: 15_000, bytes: 2 * 1024 * 1024 }

/**
 * Asks PayPal over `fetch`: its SDK (axios, 86 KiB gzip) would be a sixth of the Worker, for eight calls. The access
 * token, good for nine hours, is kept for the life of the isolate and made anew when PayPal refuses it.
 */
export function paypalOf(settings: PaypalSettings): Paypal {
  const api = apiOf(settings)
  let token: string | undefined

  async function newToken(): Promise<string> {
    const { clientId, clientSecret } = settings
    const response = await call(
      "PayPal",
      `${api}/v1/oauth2/token`,
      {
        method: "POST",
        headers: {
          authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}`,
          "content-type": "application/x-www-form-urlencoded",
        },
        body: "grant_type=client_credentials",
      },
      patience,
    )
    const { access_token } = (await response.json()) as { access_token?: string }
    if (access_token === undefined)
      throw silent("PayPal", new Error(`no token: ${response.status}`))
    return access_token
  }

  async function send({ method, path, body, requestId }: Question): Promise<Response> {
    token ??= await newToken()
    return call(
      "PayPal",
      `${api}${path}`,
      {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          prefer: "return=representation",
          ...(requestId !== undefined && { "paypal-request-id": requestId }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      },
      patience,
    )
  }

  return async <T>(question: Question) => {
    let response = await send(question)
    if (response.status === 401) {
      token = undefined
      response = await send(question)
    }
    const said = await response.json()
    if (response.ok) return said as T
    const { name, details } = said as { name?: string; details?: { issue?: string }[] }
    const issue = details?.[0]?.issue ?? name ?? String(response.status)
    // 401 and 403: the shop's own access is to be mended. 409: the same request still runs.
    if (response.status === 404) return undefined
    if (response.status === 400 || response.status === 422) throw refused(issue)
    throw silent("PayPal", new Error(`${response.status} ${issue}`))
  }
}
