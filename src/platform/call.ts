import { DomainError } from "#errors.ts"

/** What an outside party may cost: its whole answer within this time and of this size. */
const most = { ms: 5000, bytes: 256 * 1024 }

const forms = {
  JSON: /^(?:application\/(?:[\w.-]+\+)?json|text\/javascript)\b/i,
  XML: /^(?:application|text)\/(?:[\w.-]+\+)?xml\b/i,
}

/**
 * A JSON answer of an outside party, or one in another form, read to its end. Redirects are not followed. Refusals (4xx)
 * are answers; a broken, slow (5 s), large (256 KiB) or other answer is none.
 * @throws `unavailable` naming `party`
 */
export async function call(
  party: string,
  url: string,
  init: RequestInit,
  form: keyof typeof forms = "JSON",
): Promise<Response> {
  const failed = (cause: unknown) =>
    Object.assign(new DomainError("unavailable", `${party} does not answer; try again`), { cause })
  try {
    const response = await fetch(url, {
      ...init,
      redirect: "manual",
      signal: AbortSignal.timeout(most.ms),
    })
    const isRead = forms[form].test(response.headers.get("content-type") ?? "")
    const isRefusal = response.status >= 400 && response.status < 500
    if (!response.ok && !isRefusal) throw new Error(`${party} answered ${response.status}`)
    if (!isRead) throw new Error(`${party} answered something else than ${form}`)
    const { status } = response
    return new Response(await textOf(response), {
      status,
      headers: { "content-type": `application/${form.toLowerCase()}` },
    })
  } catch (error) {
    throw failed(error)
  }
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ""
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > most.bytes) throw new Error("the answer is too large")
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
