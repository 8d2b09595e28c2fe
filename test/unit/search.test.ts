import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { decodeFacts, encodeFacts, factColumns, factsAt } from "#modules/search/columns.ts"
import type { Facts } from "#modules/search/document.ts"
import { priceBounds } from "#modules/search/facets.ts"
import { highlight, snippet } from "#modules/search/highlight.ts"
import { changePostings, decodePostings, encodePostings } from "#modules/search/postings.ts"
import { readQuery, rewritten } from "#modules/search/query.ts"
import { allowed, askedVariants, distance, keptVariants } from "#modules/search/typo.ts"
import { fold, piecesOf, skuTerm, stem, wordsOf } from "#modules/search/words.ts"

describe("words", () => {
  it("are letters and digits in their plain form", () => {
    for (const [text, folded] of [
      ["Crème", "creme"],
      ["STRAẞE", "strasse"],
      ["Ærø", "aero"],
      ["ﬁne™", "fine"],
      ["½", "12"],
      ["がき", "かき"],
      ["한국", "한국"],
      ["💥", ""],
    ])
      expect([text, fold(text ?? "")]).toEqual([text, folded])
  })

  it("stand where they stand, together with what no space parts from them", () => {
    expect(wordsOf("The men's USB-C hub")).toEqual([
      { word: "the", start: 0, end: 3, chunk: 0 },
      { word: "mens", start: 4, end: 9, chunk: 1 },
      { word: "usb", start: 10, end: 13, chunk: 2 },
      { word: "c", start: 14, end: 15, chunk: 2 },
      { word: "hub", start: 16, end: 19, chunk: 3 },
    ])
    expect(wordsOf("充電器").map(({ word }) => word)).toEqual(["充電", "電器"])
    expect(piecesOf("iphone15pro")).toEqual(["iphone", "15", "pro"])
    expect(piecesOf("lamp")).toEqual([])
    expect(skuTerm("Laptop-001")).toBe("#laptop001")
  })

  it("are one in singular and plural, and no others are one", () => {
    for (const [one, many] of [
      ["shirt", "shirts"],
      ["battery", "batteries"],
      ["cookie", "cookies"],
      ["glass", "glasses"],
      ["box", "boxes"],
      ["watch", "watches"],
      ["brush", "brushes"],
      ["case", "cases"],
      ["shoe", "shoes"],
      ["lens", "lenses"],
      ["knife", "knives"],
      ["woman", "women"],
    ])
      expect([one, stem(one ?? "")]).toEqual([one, stem(many ?? "")])
    for (const word of ["bus", "gas", "chess", "tennis", "organ", "organise", "usb", "größe"])
      expect(stem(word)).toBe(word)
  })
})

describe("misspellings", () => {
  it("are counted by letters put in, left out, changed or swapped", () => {
    for (const [a, b, n] of [
      ["lamp", "lamp", 0],
      ["lamp", "lmap", 1],
      ["lamp", "lam", 1],
      ["lamp", "clamp", 1],
      ["lamp", "lump", 1],
      ["headphones", "hedphons", 2],
      ["lamp", "oaks", 3],
    ] as const)
      expect([a, b, distance(a, b, 2)]).toEqual([a, b, n])
  })

  it("of up to one letter in four, or two in eight, share a variant with the word", () => {
    const letter = fc.constantFrom(..."abcdelr".split(""))
    const word = fc.array(letter, { minLength: 4, maxLength: 14 }).map((all) => all.join(""))
    const edit = fc.record({ kind: fc.nat(3), at: fc.nat(13), letter })
    const apply = (
      text: string,
      { kind, at, letter: by }: { kind: number; at: number; letter: string },
    ) => {
      const letters = Array.from(text)
      const place = at % letters.length
      if (kind === 0) return letters.toSpliced(place, 1).join("")
      if (kind === 1) return letters.toSpliced(place, 0, by).join("")
      if (kind === 2) return letters.with(place, by).join("")
      const before = Math.min(place, letters.length - 2)
      return letters.toSpliced(before, 2, letters[before + 1] ?? "", letters[before] ?? "").join("")
    }
    fc.assert(
      fc.property(word, edit, edit, (right, first, second) => {
        const once = apply(right, first)
        const asked = right.length >= 8 ? apply(once, second) : once
        const kept = new Set(keptVariants(right))
        expect(askedVariants(asked).some((variant) => kept.has(variant))).toBe(true)
        expect(distance(asked, right, 2)).toBeLessThanOrEqual(allowed(asked, right))
      }),
      { numRuns: 2000 },
    )
  })

  it("are not seen where a digit or a short word tells things apart", () => {
    expect(askedVariants("s24")).toEqual([])
    expect(keptVariants("1050")).toEqual([])
    expect(keptVariants("usb")).toEqual(["usb"])
    expect(allowed("cat", "bat")).toBe(0)
  })
})

describe("what is packed", () => {
  it("of postings is read as it was written, and changed", () => {
    const entries = fc
      .uniqueArray(fc.tuple(fc.nat(16_383), fc.integer({ min: 1, max: 255 })), {
        selector: ([offset]) => offset,
      })
      .map((all) => all.toSorted(([a], [b]) => a - b))
    fc.assert(
      fc.property(entries, (all) => {
        const { offsets, impacts } = decodePostings(encodePostings(all), all.length)
        expect(Array.from(offsets, (offset, at) => [offset, impacts[at]])).toEqual(all)
      }),
    )
    const old = {
      data: encodePostings([
        [3, 9],
        [200, 7],
        [9000, 1],
      ]),
      count: 3,
    }
    const changes = new Map([
      [3, undefined],
      [200, 8],
      [5, 4],
    ])
    const { data, count } = changePostings(old, changes)
    expect(count).toBe(3)
    expect(Array.from(decodePostings(data, count).offsets)).toEqual([5, 200, 9000])
    expect(changePostings(undefined, new Map([[1, undefined]]))).toEqual({ data: "", count: 0 })
  })

  it("of facts is read as it was written", () => {
    const facts = (over: Partial<Facts>): Facts => ({
      id: "prd_1",
      status: "active",
      featured: false,
      price: 1299,
      stock: 3,
      rating: 4.3,
      category: "/1/2/",
      brand: "brd_1",
      attributes: [["colour", "coral"]],
      ...over,
    })
    const all = [
      facts({}),
      undefined,
      facts({ id: "2", status: "archived", featured: true, price: 9_999_999_999, stock: 70_000 }),
      facts({ id: "3", status: "draft", category: "", brand: "", attributes: [], rating: 0 }),
      facts({
        attributes: [
          ["colour", "coral"],
          ["size", "M"],
        ],
      }),
    ]
    const columns = decodeFacts(encodeFacts(factColumns(all)))
    expect(all.map((_, at) => factsAt(columns, at))).toEqual(all)
    expect(factsAt(columns, 9)).toBeUndefined()
  })
})

it("price ranges go 1, 2, 5 by the currency's units", () => {
  expect(priceBounds(2).slice(0, 5)).toEqual([999, 1999, 4999, 9999, 19_999])
  expect(priceBounds(0).slice(0, 3)).toEqual([9, 19, 49])
})

describe("a query", () => {
  it("is read as words, the last of which may go on", () => {
    const { chunks, whole } = readQuery('"USB-C" cables for the lap')
    expect(chunks.map(({ words, together, isOpen }) => [words, together, isOpen])).toEqual([
      [["usb", "c"], "usbc", false],
      [["cables"], undefined, false],
      [["lap"], undefined, true],
    ])
    expect(whole).toBe("#usbccablesforthelap")
    expect(readQuery("lap ").chunks[0]?.isOpen).toBe(false)
    expect(readQuery("the who").chunks.map(({ words }) => words)).toEqual([["who"]])
    expect(readQuery("the").chunks).toHaveLength(1)
    expect(readQuery("💥 -- ").chunks).toEqual([])
    expect(readQuery("ab ".repeat(500)).chunks).toHaveLength(16)
  })

  it("is written otherwise word by word, and no further", () => {
    const text = "Wirelss (headpohnes)!"
    const corrections = new Map([
      ["wirelss", "wireless"],
      ["headpohnes", "headphones"],
    ])
    expect(rewritten(text, readQuery(text), corrections)).toBe("wireless (headphones)!")
  })
})

describe("highlights", () => {
  it("escape all that they do not mark", () => {
    const terms = new Set(["lamp", "usbc"])
    expect(highlight(`<b>Lamps</b> & "USB-C"`, terms)).toBe(
      "&lt;b&gt;<mark>Lamps</mark>&lt;/b&gt; &amp; &quot;<mark>USB</mark>-<mark>C</mark>&quot;",
    )
    expect(highlight("chair", terms)).toBeUndefined()
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const html = highlight(`lamp ${text}`, terms) ?? ""
        expect(html.replaceAll("<mark>", "").replaceAll("</mark>", "")).not.toMatch(/[<>"']/)
      }),
    )
  })

  it("of a long text show where most was found", () => {
    const text = `${"word ".repeat(100)}a red lamp of glass ${"word ".repeat(100)}`
    const shown = snippet(text, new Set(["lamp", "red"])) ?? ""
    expect(shown).toContain("a <mark>red</mark> <mark>lamp</mark> of glass")
    expect(shown).toMatch(/^….*…$/)
    expect(shown.length).toBeLessThan(300)
    expect(snippet("a lamp", new Set(["lamp"]))).toBe("a <mark>lamp</mark>")
    expect(snippet("a chair", new Set(["lamp"]))).toBeUndefined()
  })

  it("of a long text begin where it begins, end where it ends, and part no words", () => {
    const long = "word ".repeat(100).trim()
    expect(snippet(`A lamp. ${long}`, new Set(["lamp"]))).toMatch(
      /^A <mark>lamp<\/mark>\. .*word…$/,
    )
    expect(snippet(`${long} lamp`, new Set(["lamp"]))).toMatch(/^…word .*<mark>lamp<\/mark>$/)
  })

  it("of a long text prefer where more words are found to where one is first", () => {
    const long = "word ".repeat(100)
    const text = `a lamp ${long}a red lamp ${long}`
    expect(snippet(text, new Set(["lamp", "red"]))).toContain("<mark>red</mark> <mark>lamp</mark>")
  })

  it("of a long text without spaces are cut anywhere", () => {
    const text = `${"x".repeat(300)}.lamp.${"y".repeat(300)}`
    expect(snippet(text, new Set(["lamp"]))).toBe(
      `…${"x".repeat(39)}.<mark>lamp</mark>.${"y".repeat(155)}…`,
    )
  })

  it("of a long text leave out what is found beyond it", () => {
    const long = "word ".repeat(100)
    const shown = snippet(`a red lamp ${long}a lamp`, new Set(["lamp", "red"])) ?? ""
    expect(shown.match(/<mark>/g)).toHaveLength(2)
    expect(shown).toMatch(/^a <mark>red<\/mark> <mark>lamp<\/mark> word/)
  })
})
