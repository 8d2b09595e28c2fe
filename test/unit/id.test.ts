import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { newId, randomBase32 } from "#lib/id.ts"

const now = new Date("2026-11-20T09:30:00.000Z")

describe("an id", () => {
  it("names its kind, then the instant, then 80 random bits", () => {
    expect(newId("order", now)).toMatch(/^ord_01m7w4n5e0[0-9a-hjkmnp-tv-z]{16}$/)
    expect(newId("product", now)).toMatch(/^prd_01m7w4n5e0/)
    expect(newId("cartLine", now)).toMatch(/^lin_01m7w4n5e0/)
  })

  it("holds the instant in Crockford's base 32", () => {
    expect(newId("user", new Date(0)).slice(0, 14)).toBe("usr_0000000000")
    expect(newId("user", new Date(31)).slice(0, 14)).toBe("usr_000000000z")
    expect(newId("user", new Date(32)).slice(0, 14)).toBe("usr_0000000010")
    expect(newId("user", new Date(2 ** 48 - 1)).slice(0, 14)).toBe("usr_7zzzzzzzzz")
  })

  it("is another one each time", () => {
    const ids = Array.from({ length: 10_000 }, () => newId("order", now))
    expect(new Set(ids).size).toBe(10_000)
  })

  it("sorts by creation, as text", () => {
    const instant = fc.nat({ max: 2 ** 48 - 1 })
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        fc.pre(a !== b)
        const [earlier, later] = a < b ? [a, b] : [b, a]
        expect(newId("order", new Date(earlier)) < newId("order", new Date(later))).toBe(true)
      }),
      { numRuns: 10_000 },
    )
  })
})

describe("random characters", () => {
  it("are as many as asked for, of an alphabet without i, l, o and u", () => {
    expect(randomBase32(0)).toBe("")
    expect(randomBase32(8)).toMatch(/^[0-9a-hjkmnp-tv-z]{8}$/)
  })

  it("come from the whole alphabet", () => {
    const seen = [...new Set(randomBase32(20_000))].toSorted().join("")
    expect(seen).toBe("0123456789abcdefghjkmnpqrstvwxyz")
  })
})
