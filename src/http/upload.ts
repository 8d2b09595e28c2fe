import { DomainError, invalid } from "#errors.ts"
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
 * The file of a request: a form's field `image` or `file`, or the body itself. Nothing is kept in memory. Under an
 * idempotency key, what is read to its end becomes part of the key's fingerprint; a form's boundary, which is another
 * one each time it is sent, does not.
 * @throws `body-too-large` for more than `most` bytes, whatever length was announced; `malformed-form`; `invalid-input`
 * naming `field` for a form without the file
 */
export async function received(
  c: AppContext,
  most: number,
  field: "image" | "file",
): Promise<Received> {
  const { file, ...others } = await opened(c, most)
  if (file) return { ...others, file }
  const strangers = others.strangers.map((name) => `\`${name}\``).join(", ")
  const detail = `The form has no file in its field \`${field}\`${strangers && `, but in ${strangers}`}.`
  throw invalid({ field, detail, code: "required" })
}

/** The same; of a form without the file there is none. `strangers`: the form's fields that hold other files. */
async function opened(
  c: AppContext,
  most: number,
): Promise<Omit<Received, "file"> & { file?: Received["file"]; strangers: string[] }> {
  const contentType = c.req.header("content-type") ?? ""
  const boundary = boundaryOf(contentType)
  const body = limited(c.req.raw.body, boundary === undefined ? most : most + besides)
  const digest = c.var.ctx.once && new Digest(c.var.ctx.once)
  if (boundary === undefined) {
    if (/^multipart\//i.test(contentType)) throw new DomainError("malformed-form")
    const file = digest ? digest.last(body) : body
    return { file, contentType, fields: async () => c.req.query(), strangers: [] }
  }
  const parts = partsOf(body, boundary)
  const texts: Record<string, string> = {}
  const strangers: string[] = []
  const nextFile = async (): Promise<Part | undefined> => {
    for (;;) {
      const next = await parts.next().catch(refuse)
      if (next.done) {
        await digest?.end()
        return undefined
      }
      const part = digest ? await digest.part(next.value) : next.value
      if (part.filename !== undefined) {
        if (part.name === "image" || part.name === "file") return part
        strangers.push(part.name)
      } else {
        texts[part.name] = await textOf(part).catch(refuse)
      }
    }
  }
  const part = await nextFile()
  return {
    ...(part && { file: guarded(part.body) }),
    contentType: part?.contentType ?? "",
    strangers,
    fields: async () => {
      while (await nextFile());
      return texts
    },
  }
}

/** Reads the body of a request to its end, for its fingerprint alone. @throws `malformed-form` */
export async function digestBody(c: AppContext): Promise<void> {
  const { file, fields } = await opened(c, Infinity)
  if (file) for await (const _ of file);
  await fields()
}

/** Adds the SHA-256 of what is read through it to a fingerprint, once all of it was read. */
class Digest {
  readonly #once: { fingerprint: string }
  readonly #stream = new crypto.DigestStream("SHA-256")
  readonly #writer = this.#stream.getWriter()

  constructor(once: { fingerprint: string }) {
    this.#once = once
  }

  /** A part of a form, and what it is called. */
  async part({ body, ...named }: Part): Promise<Part> {
    await this.#writer.write(new TextEncoder().encode(`\n${JSON.stringify(named)}\n`))
    return { ...named, body: this.#through(body) }
  }

  /** The only file of a body. */
  async *last(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    yield* this.#through(body)
    await this.end()
  }

  async end(): Promise<void> {
    await this.#writer.close()
    const digest = new Uint8Array(await this.#stream.digest)
    this.#once.fingerprint += digest.toHex()
  }

  async *#through(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      await this.#writer.write(chunk)
      yield chunk
    }
  }
}

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
