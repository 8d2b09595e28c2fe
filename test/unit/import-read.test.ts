import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { toCsvLine } from "#lib/csv.ts"
import { mapEntry } from "#modules/catalog/import-columns.ts"
import {
  type Entry,
  entriesOf,
  type ImportFormat,
  layoutOf,
  type Place,
} from "#modules/catalog/import-read.ts"
import { mapShopify } from "#modules/catalog/import-shopify.ts"

const bytesOf = (text: string) => new TextEncoder().encode(text)

async function* inChunks(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

/** A file read in stretches of `stretch` things, each from where the one before ended, as a crash makes it. */
async function read(
  text: string,
  {
    stretch = 1000,
    size = 11,
    asked,
  }: { stretch?: number; size?: number; asked?: ImportFormat } = {},
): Promise<Entry[]> {
  const bytes = bytesOf(text)
  const { layout, body } = await layoutOf(bytes, asked)
  const all: Entry[] = []
  for (let from: Place = body; ;) {
    const some: Entry[] = []
    for await (const entry of entriesOf(inChunks(bytes.slice(from.offset), size), layout, from)) {
      some.push(entry)
      if (some.length === stretch) break
    }
    all.push(...some)
    const last = some.at(-1)
    if (some.length < stretch || !last || last.fatal) return all
    from = last.end
  }
}

const cellsOf = (entries: readonly Entry[]) =>
  entries.map(({ line, rows }) => [line, ...Object.values(rows?.[0]?.cells ?? {})])

describe("a file", () => {
  it("of CSV is read row by row, with quotes, breaks, blank lines and a mark in front", async () => {
    const text = '\ufeffname,price\r\n"Rake, ""new""",1\r\n\r\n"Two\nlines",2\r\né,3'
    expect(cellsOf(await read(text))).toEqual([
      [2, 'Rake, "new"', "1"],
      [4, "Two\nlines", "2"],
      [6, "é", "3"],
    ])
  })

  it.each([";", "\t"])("of CSV may be separated by %j", async (delimiter) => {
    const text = ["name", "price\nRake", "1,5"].join(delimiter)
    expect(cellsOf(await read(text))).toEqual([[2, "Rake", "1,5"]])
  })

  it("of JSON is read line by line, blank lines left out", async () => {
    const entries = await read('{"a":1}\n\n  {"b":2}\r\n{"c":3}')
    expect(entries.map(({ line, json }) => [line, json?.trim()])).toEqual([
      [1, '{"a":1}'],
      [3, '{"b":2}'],
      [4, '{"c":3}'],
    ])
  })

  it("of Shopify is read handle by handle", async () => {
    const text = "Handle,Title,Option1 Value\ntee,Tee,S\ntee,,M\ncap,Cap,\n"
    const entries = await read(text)
    expect(entries.map(({ line, rows }) => [line, rows?.length])).toEqual([
      [2, 2],
      [4, 1],
    ])
  })

  it("that breaks off in a quote is read up to there", async () => {
    const rows = Array.from({ length: 300 }, (_, n) => `x${n},1`).join("\n")
    const entries = await read(`name,price\n${rows}\n"never closed,2\ny,3\n`, { size: 100_000 })
    expect(entries).toHaveLength(301)
    expect(entries.at(-2)).toMatchObject({ line: 301 })
    expect(entries.at(-1)).toMatchObject({ line: 302, fatal: expect.stringMatching(/quote/) })
  })

  it("with a line without end is read up to there", async () => {
    const entries = await read(`{"a":1}\n{"b":"${"x".repeat(1024 * 1024 + 9)}`, { size: 65_536 })
    expect(entries.map(({ line, fatal }) => [line, Boolean(fatal)])).toEqual([
      [1, false],
      [2, true],
    ])
  })

  it("says of a row that it has more cells than columns", async () => {
    const [entry, other] = await read("name,price\nRake,1,,\nHoe,2,3\n")
    expect([entry?.rows?.[0]?.isLonger, other?.rows?.[0]?.isLonger]).toEqual([undefined, true])
  })

  it("is read the same in one go and in stretches, however it arrives", async () => {
    const cell = fc.string({
      unit: fc.constantFrom("a", "é", "💥", ",", '"', "\n", "\r\n", " ", "'", "="),
      maxLength: 8,
    })
    const row = fc.tuple(cell, cell, fc.constantFrom("x", "y", "z"))
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom<ImportFormat>("csv", "shopify", "ndjson"),
        async (rows, stretch, size, asked) => {
          const text =
            asked === "ndjson"
              ? rows.map((cells) => `${JSON.stringify(cells)}\n`).join("")
              : toCsvLine(["Title", "Tags", "Handle"]) +
                rows.map((cells) => toCsvLine(cells)).join("")
          const whole = await read(text, { asked, size: 100_000 })
          expect(await read(text, { asked, stretch, size })).toEqual(whole)
          const count = whole.flatMap(({ rows: some = [undefined] }) => some).length
          expect(count).toBe(rows.length)
        },
      ),
    )
  })
})

describe("Shopify's file", () => {
  const head =
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Compare At Price,Variant Requires Shipping,Image Src,SEO Title,SEO Description,Cost per item,Status"
  const first = async (...rows: string[]) => {
    const [entry] = await read([head, ...rows].join("\n"))
    return mapShopify(entry!, (ref) => ref === "shirts")
  }

  it("is a product with its options and variants", async () => {
    const { value, warnings } = await first(
      'tee,Tee,"<p>Soft &amp; <b>warm</b>.</p><script>x()</script>",Acme,Shirts,"cotton, summer",TRUE,Size,S,Colour,Red,TEE-S,200,3,19.90,25.00,true,https://x/1.jpg,Tee!,A tee,7.00,active',
      "tee,,,,,,,,M,,Red,TEE-M,200,-2,21.90,,true,,,,,",
      "tee,,,,,,,,,,,,,,,,,https://x/2.jpg,,,,",
    )
    expect(value).toEqual({
      name: "Tee",
      slug: "tee",
      description: "Soft & warm.",
      brand: "Acme",
      category: "shirts",
      tags: ["cotton", "summer"],
      status: "active",
      price: "19.90",
      compare_at_price: "25.00",
      cost_price: "7.00",
      weight_grams: 200,
      seo: { title: "Tee!", description: "A tee" },
      options: [
        { name: "Size", values: ["S", "M"] },
        { name: "Colour", values: ["Red"] },
      ],
      variants: [
        { sku: "TEE-S", options: { Size: "S", Colour: "Red" }, price: null, stock_quantity: "3" },
        {
          sku: "TEE-M",
          options: { Size: "M", Colour: "Red" },
          price: "21.90",
          stock_quantity: "0",
        },
      ],
    })
    expect(warnings.map(({ column, code }) => [column, code])).toEqual([
      ["image src", "not-fetched"],
      ["image src", "not-fetched"],
    ])
  })

  it("is a plain product where the one variant is the default", async () => {
    const { value, warnings } = await first(
      "book,Book,,,Unknown,,FALSE,Title,Default Title,,,BOOK-1,,12,9.00,0.00,false,,,,,",
    )
    expect(value).toEqual({
      name: "Book",
      slug: "book",
      description: "",
      tags: [],
      status: "draft",
      price: "9.00",
      is_digital: true,
      sku: "BOOK-1",
      stock_quantity: "12",
    })
    expect(warnings).toMatchObject([{ column: "type", code: "unknown" }])
  })

  it("is on sale, a draft or archived as its status says, else as it is published", async () => {
    const statusOf = async (published: string, status: string) => {
      const { value } = await first(`tee,Tee,,,,,${published},,,,,,,,1.00,,,,,,,${status}`)
      return (value as { status?: string }).status
    }
    expect(await statusOf("TRUE", "")).toBe("active")
    expect(await statusOf("false", "")).toBe("draft")
    expect(await statusOf("TRUE", "Archived")).toBe("archived")
    expect(await statusOf("", "")).toBeUndefined()
  })

  it("has its description as text: marks out, entities read once, those of nothing dropped", async () => {
    const { value } = await first(
      'tee,Tee,"<h1>A</h1>B&#8217;s &#x2019;t&nbsp;&LT;i&gt; &amp;lt; &quot;&apos;&#0;&#x110000;&copy;<br><!-- x -->C",,,,,,,,,,,,1.00,,,,,,,',
    )
    expect(value).toMatchObject({
      description: "A\nB’s ’t <i> &lt; \"'&copy;\nC",
    })
  })

  it("says of a field that is wrong in which column it stands", async () => {
    const { columnOf } = await first("tee,Tee,,,,,,,,,,,,,1.00,,,,,,,")
    const fields = [
      "name",
      "seo.title",
      "variants.0.price",
      "variants.1.options.Size",
      "variants.0",
      "variants.2.stock_quantity",
      "options.0.values",
      "tags.3",
    ]
    expect(fields.map(columnOf)).toEqual([
      "title",
      "seo title",
      "variant price",
      "option1 value",
      "option1 value",
      "variant inventory qty",
      "option1 value",
      "tags",
    ])
  })

  it("of more rows of one handle than a product may have is more than one thing", async () => {
    const rows = Array.from({ length: 501 }, (_, n) => `tee,Tee,${n}`)
    const entries = await read(`Handle,Title,Option1 Value\n${rows.join("\n")}\n`, { size: 65_536 })
    expect(entries.map(({ line, rows: some }) => [line, some?.length])).toEqual([
      [2, 500],
      [502, 1],
    ])
  })
})

describe("a row of the shop's own file", () => {
  const mapped = async (text: string) => {
    const [entry] = await read(text)
    return mapEntry(entry!, "csv")
  }

  it("says of a field that is wrong in which column it stands, as the file calls it", async () => {
    const { columnOf } = await mapped("title,stock,seo_title,tags\nRake,1,A rake,x\n")
    const fields = ["name", "stock_quantity", "seo.title", "seo.description", "tags.0", "price"]
    expect(fields.map(columnOf)).toEqual([
      "title",
      "stock",
      "seo_title",
      "seo_description",
      "tags",
      "price",
    ])
  })

  it("empties what an empty cell empties, and leaves the rest as it is", async () => {
    const head = "name,description,brand,weight_grams,is_featured,attributes,options,tags,seo_title"
    const { value, problems } = await mapped(`${head}\nRake,,,,,,,,\n`)
    expect(value).toEqual({
      name: "Rake",
      description: "",
      brand: null,
      weight_grams: null,
      attributes: {},
      options: [],
      tags: [],
      seo: {},
    })
    expect(problems).toEqual([])
  })

  it("keeps what is no flag, no weight and no JSON for its field to refuse", async () => {
    const { value, problems } = await mapped(
      'name,is_featured,is_digital,weight_grams,attributes,tags\nRake,maybe,No,heavy,{,"[a, b"\n',
    )
    expect(value).toEqual({
      name: "Rake",
      is_featured: "maybe",
      is_digital: false,
      weight_grams: "heavy",
      tags: ["[a", "b"],
    })
    expect(problems).toEqual([
      { column: "attributes", detail: "This cell is not JSON.", code: "malformed-json" },
    ])
  })
})

describe("a line of JSON", () => {
  it.each([
    ["[1]", "This line is no JSON object.", "invalid-type"],
    ["null", "This line is no JSON object.", "invalid-type"],
    ["{", "This line is not JSON.", "malformed-json"],
  ])("that is %s is no thing", async (json, detail, code) => {
    const [entry] = await read(`${json}\n`, { asked: "ndjson" })
    const { value, problems, columnOf } = mapEntry(entry!, "ndjson")
    expect(value).toEqual({})
    expect(problems).toEqual([{ column: "line", detail, code }])
    expect(columnOf("variants.0.price")).toBe("variants.0.price")
  })
})
