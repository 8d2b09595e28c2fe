import { exports } from "cloudflare:workers"

/** An answer read to its end. */
export type Answer = { status: number; headers: Headers; body: any }

/** Calls the Worker as a client would: JSON in, JSON out. `as`: an access token; a path without /api or / in front is below /api/v1. */
export async function call(
  method: string,
  path: string,
  {
    body,
    as,
    headers,
  }: { body?: unknown; as?: { access: string } | undefined; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const url = new URL(path.startsWith("/") ? path : `/api/v1/${path}`, "http://nexus.test")
  const sent = new Headers(headers)
  if (as) sent.set("authorization", `Bearer ${as.access}`)
  const isRaw = typeof body === "string" || body instanceof FormData || body instanceof ArrayBuffer
  if (body !== undefined && !isRaw && !sent.has("content-type"))
    sent.set("content-type", "application/json")
  const response = await exports.default.fetch(
    new Request(url, {
      method,
      headers: sent,
      ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
      redirect: "manual",
    }),
  )
  const text = await response.text()
  const isJson = /json/.test(response.headers.get("content-type") ?? "")
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== "" ? JSON.parse(text) : text,
  }
}
