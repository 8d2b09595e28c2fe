import { DomainError } from "#errors.ts"
import type { AppContext } from "#http/env.ts"
import { boundaryOf, concat, MalformedForm, type Part, partsOf } from "#lib/multipart.ts"

/** Bytes of a form besides its file. */
const besides = 64 * 1024

/** A file as it arrives. `fields`: the form's other fields or the query's parameters, all of them once the file was read. */
export type Received = {
  file: AsyncIterable<Uint8Array>
  contentType: string
  fields: () => Promise<Record<string, string>>
}

/**
 * The file of a request: a form's field `image` or `file`, or the body itself. Nothing is kept in memory. A form
 * without a file has one of no bytes.
 * @throws `body-too-large` for more than `most` bytes, whatever length was announced; `malformed-form`
 */
export async function received(c: AppContext, most: number): Promise<Received> {
  const contentType = c.req.header("content-type") ?? ""
  const boundary = boundaryOf(contentType)
  const body = limited(c.req.raw.body, boundary === undefined ? most : most + besides)
  if (boundary === undefined) {
    if (/^multipart\//i.test(contentType)) throw new DomainError("malformed-form")
    return { file: body, contentType, fields: async () => c.req.query() }
  }
  const parts = partsOf(body, boundary)
  const texts: Record<string, string> = {}
  const nextFile = async (): Promise<Part | undefined> => {
    for (;;) {
      const part = await parts.next().catch(refuse)
      if (part.done) return undefined
      if (part.value.filename !== undefined) {
        if (part.value.name === "image" || part.value.name === "file") return part.value
      } else {
        texts[part.value.name] = await textOf(part.value).catch(refuse)
      }
    }
  }
  const part = await nextFile()
  return {
    file: part ? guarded(part.body) : guarded(nothing()),
    contentType: part?.contentType ?? "",
    fields: async () => {
      while (await nextFile());
      return texts
    },
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* guarded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]()
  for (;;) {
    const next = await chunks.next().catch(refuse)
    if (next.done) return
    yield next.value
  }
}

async function* limited(
  stream: ReadableStream<Uint8Array> | null,
  most: number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of stream ?? []) {
    bytes += chunk.byteLength
    if (bytes > most)
      throw new DomainError("body-too-large", `A body has at most ${most} bytes here`)
    yield chunk
  }
}

async function textOf(part: Part): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of part.body) {
    bytes += piece.byteLength
    if (bytes > besides) throw new DomainError("body-too-large", "A field of the form is too long")
    pieces.push(piece.slice())
  }
  return new TextDecoder().decode(concat(pieces))
}

function refuse(error: unknown): never {
  if (error instanceof MalformedForm) throw new DomainError("malformed-form", undefined)
  throw error
}
