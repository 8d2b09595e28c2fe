import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { boundaryOf, concat, MalformedForm, partsOf } from "#lib/multipart.ts"

import { latin1 } from "../support/pictures.ts"

/** A stream of these bytes in chunks of these sizes, over and over. */
async function* inChunks(bytes: Uint8Array, sizes: readonly number[]) {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1
    yield bytes.slice(at, at + size)
    at += size
  }
}

async function read(form: Uint8Array, boundary: string, sizes: readonly number[] = [7]) {
  const all: { name: string; filename: string | undefined; text: string }[] = []
  for await (const { name, filename, body } of partsOf(inChunks(form, sizes), boundary)) {
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(piece.slice())
    all.push({ name, filename, text: String.fromCharCode(...concat(pieces)) })
  }
  return all
}

const part = (head: string, body: string) =>
  `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`

describe("a form", () => {
  it("is read the same as the platform reads it, however it arrives", async () => {
    const name = fc.string({ unit: fc.constantFrom("a", "é", " ", '"', "\n", ";", "=") })
    const field = fc.record({
      name,
      // Platforms differ in what a file without a name is.
      filename: fc.option(
        name.map((text) => `x${text}`),
        { nil: undefined },
      ),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom("\r\n", "\r\n--", "--", "\r", "\r\n\r\n").map((text) => latin1(text)),
      ),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(field, { maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 4 }),
        async (fields, sizes) => {
          const form = new FormData()
          for (const { name: of, filename, bytes } of fields) {
            if (filename === undefined) form.append(of, "some text")
            else form.append(of, new Blob([new Uint8Array(bytes)]), filename)
          }
          const request = new Request("http://x", { method: "POST", body: form })
          const boundary = boundaryOf(request.headers.get("content-type") ?? "") ?? ""
          const raw = new Uint8Array(await request.clone().arrayBuffer())
          const expected = await Promise.all(
            [...(await request.formData())].map(async ([of, value]) => ({
              name: of,
              filename: typeof value === "string" ? undefined : value.name,
              text:
                typeof value === "string"
                  ? value
                  : String.fromCharCode(...new Uint8Array(await value.arrayBuffer())),
            })),
          )
          expect(await read(raw, boundary, sizes)).toEqual(expected)
        },
      ),
    )
  })

  it("goes on with the next part when a body is left half read", async () => {
    const form = latin1(
      `${part('name="a"; filename="x"', "0123456789".repeat(9))}${part('name="c"', "last")}--b--`,
    )
    const names: string[] = []
    for await (const { name, body } of partsOf(inChunks(form, [5]), "b")) {
      names.push(name)
      for await (const _ of body) break
    }
    expect(names).toEqual(["a", "c"])
  })

  it.each([
    ["ends before its last boundary", `${part('name="a"', "x")}`],
    ["has no boundary", "just text"],
    ["has something beside a boundary", "--bx\r\n\r\n--b--"],
    ["has headers without end", `--b\r\n${"x: y\r\n".repeat(9000)}`],
    ["has one line without end", `--b\r\n${"x".repeat(40_000)}`],
    ["has parts without end", part('name="a"', "").repeat(60)],
  ])("that %s is none", async (_, text) => {
    await expect(read(latin1(text), "b", [900])).rejects.toThrow(MalformedForm)
  })

  it("says its boundary in its type", () => {
    expect(boundaryOf("multipart/form-data; boundary=abc")).toBe("abc")
    expect(boundaryOf('Multipart/Form-Data; charset=utf-8; boundary="a b"')).toBe("a b")
    expect(boundaryOf("multipart/form-data")).toBeUndefined()
    expect(boundaryOf("text/plain; boundary=abc")).toBeUndefined()
    expect(boundaryOf(`multipart/form-data; boundary=${"x".repeat(71)}`)).toBeUndefined()
  })
})
