import { DomainError } from "#errors.ts"

/** What an outside party may cost: its whole answer within this time and of this size. */
type Most = { ms: number; bytes: number }
const most: Most = { ms: 5000, bytes: 256 * 1024 }

/** No answer of an outside party: what was asked may have been done. */
export function silent(party: string, cause: unknown): DomainError {
  const error = new DomainError("unavailable", `${party} does not answer; try again`)
  return Object.assign(error, { cause })
}

/** What an outside party refused for good, in its word: nothing was done. */
export function refused(failure: string, cause?: unknown): DomainError {
  return Object.assign(new DomainError("payment-refused", undefined, { failure }), { cause })
}

/** The word of a refusal; `undefined` for any other error. */
export function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof DomainError && error.code === "payment-refused")) return undefined
  return String(error.details["failure"])
}

const forms = {
  JSON: /^(?:application\/(?:[\w.-]+\+)?json|text\/javascript)\b/i,
  XML: /^(?:application|text)\/(?:[\w.-]+\+)?xml\b/i,
}

/**
 * An answer of an outside party, JSON unless `form` says otherwise, read to its end. Redirects are not followed.
 * Refusals (4xx) are answers; a broken, slow (5 s), large (256 KiB) or other answer is none.
 * @throws `unavailable` naming `party`
 */
export async function call(
  party: string,
  url: string,
  init: RequestInit,
  { form = "JSON", ...patience }: Partial<Most> & { form?: keyof typeof forms } = {},
): Promise<Response> {
  const { ms, bytes } = { ...most, ...patience }
  try {
    const response = await fetchWithin(bytes, url, { ...init, signal: AbortSignal.timeout(ms) })
    const isRead = forms[form].test(response.headers.get("content-type") ?? "")
    const isRefusal = response.status >= 400 && response.status < 500
    if (!response.ok && !isRefusal) throw new Error(`${party} answered ${response.status}`)
    if (!isRead) throw new Error(`${party} answered something else than ${form}`)
    return response
  } catch (error) {
    throw silent(party, error)
  }
}

/** `fetch` that follows no redirects and reads the whole answer. @throws when it is longer than `bytes` */
export async function fetchWithin(
  bytes: number,
  url: string,
  init: RequestInit,
): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: "manual" })
  const text = await textOf(response, bytes)
  const headers = new Headers(response.headers)
  // They tell of what was sent, which is decoded by now.
  headers.delete("content-encoding")
  headers.delete("content-length")
  return new Response(text === "" ? null : text, { status: response.status, headers })
}

async function textOf(response: Response, most: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ""
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > most) throw new Error("the answer is too large")
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
