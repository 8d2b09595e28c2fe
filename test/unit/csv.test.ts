import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { fromCell, toCell, toCsvLine } from "#lib/csv.ts"

describe("a cell of a spreadsheet", () => {
  it.each(["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x", "\n=x", "＝1", "'=1", "''+1"])(
    "that would run is text: %j",
    (text) => {
      expect(toCell(text)).toBe(`'${text}`)
      expect(fromCell(toCell(text))).toBe(text)
    },
  )

  it.each(["", "12.50", "Rock 'n' roll", "'tis", "a=b", " =1", "1-2"])(
    "that would not stays as it is: %j",
    (text) => {
      expect(toCell(text)).toBe(text)
      expect(fromCell(text)).toBe(text)
    },
  )

  it("comes back as it was, whatever it was, and never runs", () => {
    const text = fc.string({
      unit: fc.constantFrom("'", "=", "-", "+", "@", "\t", "a", "＝", "\n"),
    })
    fc.assert(
      fc.property(text, (one) => {
        expect(fromCell(toCell(one))).toBe(one)
        expect(toCell(one)).not.toMatch(/^[=+\-@\t\r\n＝＋－＠]/)
      }),
    )
  })

  it("is quoted where it must be", () => {
    expect(toCsvLine(["a", "b,c", 'd"e', "f\ng", " h", ""])).toBe('a,"b,c","d""e","f\ng"," h",\r\n')
  })
})
