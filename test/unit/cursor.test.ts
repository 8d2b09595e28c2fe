import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { decodeCursor, encodeCursor } from "#lib/cursor.ts"
import { base64url } from "#lib/secret.ts"

const cursorOf = (text: string) => base64url(new TextEncoder().encode(text))

describe("a cursor", () => {
  it("is text that fits into a URL", () => {
    expect(encodeCursor(["-price,-id", 1299, "prd_1"])).toBe("WyItcHJpY2UsLWlkIiwxMjk5LCJwcmRfMSJd")
    expect(encodeCursor(["Crème brûlée ÿÿÿ"])).toMatch(/^[\w-]+$/)
  })

  it("comes back as what it was made of", () => {
    const value = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
    )
    fc.assert(
      fc.property(fc.array(value), (values) => {
        expect(decodeCursor(encodeCursor(values))).toEqual(values)
      }),
      { numRuns: 10_000 },
    )
  })

  it.each([
    ["nothing", ""],
    ["no base64url", "%%%"],
    ["a length that base64 has not", "abcde"],
    ["no JSON", cursorOf("nonsense")],
    ["an object", cursorOf('{"length":1}')],
    ["a number", cursorOf("1")],
    ["a list in a list", cursorOf("[[1]]")],
    ["a list with null", cursorOf('["id",null]')],
    ["a list with a boolean", cursorOf("[true]")],
    ["a number that is none", cursorOf('["id",1e999]')],
  ])("that is %s is refused", (_, cursor) => {
    expect(decodeCursor(cursor)).toBeUndefined()
  })

  it("is refused or read, whatever the text is", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => decodeCursor(text)).not.toThrow()
      }),
      { numRuns: 10_000 },
    )
  })
})
