import type { SquareSettings } from "#config.ts"
import { call, refused, silent } from "#platform/call.ts"

/** The version of the API whose forms these are. */
const version = "2026-09-16"
const patience = { ms: 15_000, bytes: 2 * 1024 * 1024 }

/** Square's REST API: `undefined` for what is not there. @throws `payment-refused`, `unavailable` */
export type Square = <T>(
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
) => Promise<T | undefined>

/**
 * Asks Square over `fetch`: its SDK wants Node's streams and weighs 340 KiB gzip, a third of what a Worker may, for
 * eight calls.
 */
export function squareOf({ accessToken, isSandbox, apiUrl }: SquareSettings): Square {
  const api =
    apiUrl ?? (isSandbox ? "https://connect.squareupsandbox.com" : "https://connect.squareup.com")
  return async <T>(method: "GET" | "POST" | "DELETE", path: string, body?: unknown) => {
    const response = await call(
      "Square",
      `${api}${path}`,
      {
        method,
        headers: {
          authorization: `Bearer ${accessToken}`,
          "content-type": "application/json",
          "square-version": version,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      },
      patience,
    )
    const said = await response.json()
    if (response.ok) return said as T
    const { errors } = said as { errors?: { code?: string }[] }
    const code = errors?.[0]?.code ?? String(response.status)
    if (response.status === 404) return undefined
    // 401 and 403: the shop's own access is to be mended. 409 and 429: not now.
    if ([401, 403, 409, 429].includes(response.status))
      throw silent("Square", new Error(`${response.status} ${code}`))
    throw refused(code)
  }
}
