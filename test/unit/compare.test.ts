import fc from "fast-check"
import { expect, it } from "vitest"

import { compare } from "#lib/compare.ts"

it("puts numbers by size and text by code points, as SQLite's BINARY does", () => {
  const sorted = ["\uffee", "b", "😀", "", "a", "ab", "B", "é"].toSorted(compare)
  expect(sorted).toEqual(["", "B", "a", "ab", "b", "é", "\uffee", "😀"])
  expect([10, 9, -1, 2.5].toSorted(compare)).toEqual([-1, 2.5, 9, 10])
})

it("agrees with the bytes of UTF-8 on any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
      expect(Math.sign(compare(a, b))).toBe(
        Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))),
      )
    }),
    { numRuns: 2000 },
  )
})
