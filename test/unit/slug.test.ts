import fc from "fast-check"
import { describe, expect, it, test } from "vitest"

import { freeSlug, slugOf } from "#lib/slug.ts"

describe("a name as a piece of a URL", () => {
  test.each([
    ["Premium Laptop", "premium-laptop"],
    ["Crème brûlée, 2 l", "creme-brulee-2-l"],
    ["  --Hello,   World!-- ", "hello-world"],
    ["ﬁne ½ ②", "fine-1-2-2"],
    ["T-Shirt (XL)", "t-shirt-xl"],
    ["日本茶", ""],
    ["✓", ""],
    ["", ""],
    ["日本茶 50 g", "50-g"],
  ])("%j is %j", (name, slug) => {
    expect(slugOf(name)).toBe(slug)
  })

  it("is at most 200 characters, and does not end in a hyphen where it is cut", () => {
    expect(slugOf("a".repeat(300))).toBe("a".repeat(200))
    expect(slugOf(`${"a".repeat(199)} bc`)).toBe("a".repeat(199))
  })

  it("is words of letters and digits between single hyphens, and its own slug", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (name) => {
        const slug = slugOf(name)
        expect(slug).toMatch(/^(?:[a-z0-9]+(?:-[a-z0-9]+)*)?$/)
        expect(slugOf(slug)).toBe(slug)
      }),
      { numRuns: 10_000 },
    )
  })
})

describe("a slug that is free", () => {
  it("is the name's own when nobody has it", () => {
    expect(freeSlug("mug", new Set())).toBe("mug")
    expect(freeSlug("mug", new Set(["mug-1"]))).toBe("mug")
  })

  it("is counted up from 1 when it is taken", () => {
    expect(freeSlug("mug", new Set(["mug"]))).toBe("mug-1")
    expect(freeSlug("mug", new Set(["mug", "mug-1", "mug-2"]))).toBe("mug-3")
    expect(freeSlug("mug", new Set(["mug", "mug-2"]))).toBe("mug-1")
  })
})
