import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { countOf, fieldsOf, rows, stockOf } from "../support/shop.ts"

const lines = (...all: unknown[]) =>
  all.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n")

async function send(what: "products" | "categories", body: string, headers = {}) {
  const staff = await make.user("staff")
  return call("POST", `admin/${what}/import`, {
    as: staff,
    body,
    headers: { "content-type": "application/x-ndjson", ...headers },
  })
}

describe("importing products", () => {
  it("says of each line what became of it", async () => {
    await make.category({ name: "Electronics" })
    const report = await send(
      "products",
      lines(
        { id: "901", name: "Rake", price: "12.50", category: "electronics", stock_quantity: 4 },
        { id: 902, title: "Hoe", price: 9, stock: 1 },
        "{broken",
        { id: "903", name: "", price: "-1" },
        { id: "904", name: "Spade", price: "5", category: "nowhere" },
        "",
        { name: "Nameless id", price: "1" },
        "[1]",
        { id: "no spaces allowed", name: "X", price: "1" },
      ),
    )
    expect(report.status).toBe(200)
    expect(report.body).toMatchObject({ created: 3, updated: 0, failed: 5 })
    const [rake, hoe, broken, bad, lost, nameless, list, spaced] = report.body.lines
    expect(rake).toEqual({ line: 1, id: "901", outcome: "created" })
    expect(hoe).toEqual({ line: 2, id: "902", outcome: "created" })
    expect(broken).toMatchObject({ line: 3, id: null, errors: [{ code: "malformed-json" }] })
    expect(bad.id).toBe("903")
    expect(new Set(bad.errors.map(({ field }: { field: string }) => field))).toEqual(
      new Set(["name", "price"]),
    )
    expect(lost).toMatchObject({ id: "904", outcome: "failed", errors: [{ field: "category" }] })
    expect(nameless).toMatchObject({ outcome: "created", id: expect.stringMatching(/^prd_/) })
    expect(list).toMatchObject({ outcome: "failed" })
    expect(spaced).toMatchObject({ outcome: "failed", errors: [{ field: "id" }] })
    expect(await countOf("products")).toBe(3)
  })

  it("keeps the ids they came with, and puts their stock away", async () => {
    await send("products", lines({ id: "901", name: "Rake", price: "12.50", stock_quantity: 4 }))
    expect((await call("GET", "products/901")).body).toMatchObject({
      id: "901",
      slug: "rake",
      price: "12.50",
      stock_quantity: 4,
    })
    expect(await stockOf("901")).toEqual({ onHand: 4, held: 0, available: 4 })
  })

  it("takes the same file twice as once", async () => {
    const file = lines(
      { id: "901", name: "Rake", price: "12.50", stock_quantity: 4 },
      { id: "902", name: "Hoe", price: "9", brand: "Fairwind" },
    )
    expect((await send("products", file)).body).toMatchObject({ created: 2, unchanged: 0 })
    const again = await send("products", file)
    expect(again.body).toEqual({
      created: 0,
      updated: 0,
      unchanged: 2,
      skipped: 0,
      failed: 0,
      dry_run: false,
      ignored_columns: [],
      lines: [
        { line: 1, id: "901", outcome: "unchanged" },
        { line: 2, id: "902", outcome: "unchanged" },
      ],
    })
    expect(await countOf("products")).toBe(2)
    expect(await countOf("brands")).toBe(1)
    expect((await stockOf("901")).onHand).toBe(4)
  })

  it("changes nothing by a line whose id an earlier line of the file has", async () => {
    const report = await send(
      "products",
      lines(
        { id: "901", name: "Rake", price: "12.50", stock_quantity: 4 },
        { id: "901", name: "Other", price: "1", stock_quantity: 99 },
      ),
    )
    expect(report.body).toMatchObject({ created: 1, failed: 1 })
    expect(report.body.lines[1].errors).toMatchObject([{ field: "id", code: "taken" }])
    expect((await call("GET", "products/901")).body.name).toBe("Rake")
    expect((await stockOf("901")).onHand).toBe(4)
  })

  it("may be sent again with the same key: the second time answers as the first", async () => {
    const staff = await make.user("staff")
    const file = lines({ name: "Rake", price: "1" }, { name: "Hoe", price: "1" })
    const go = () =>
      call("POST", "admin/products/import", {
        as: staff,
        body: file,
        headers: { "content-type": "application/x-ndjson", "idempotency-key": "k1" },
      })
    const first = await go()
    await expect.poll(async () => (await go()).headers.get("idempotent-replayed")).toBe("true")
    expect((await go()).body).toEqual(first.body)
    expect(await countOf("products")).toBe(2)
  })

  it("is for staff only", async () => {
    const customer = await make.user()
    const body = lines({ name: "Rake", price: "1" })
    const headers = { "content-type": "application/x-ndjson" }
    for (const what of ["products", "categories"]) {
      const path = `admin/${what}/import`
      expect((await call("POST", path, { body, headers })).status).toBe(401)
      expect((await call("POST", path, { body, headers, as: customer })).status).toBe(403)
    }
    expect(await countOf("products")).toBe(0)
  })
})

describe("importing categories", () => {
  it("makes parents before their children, keeps ids, and skips what is there", async () => {
    const file = lines(
      { id: "1", name: "Garden", slug: "garden", parent: null },
      { id: 2, name: "Tools", parent: "1" },
      { id: "3", name: "Lost", parent: "77" },
    )
    expect((await send("categories", file)).body).toMatchObject({ created: 2, failed: 1 })
    expect((await call("GET", "categories/2")).body).toMatchObject({
      name: "Tools",
      path: [{ id: "1" }, { id: "2" }],
    })
    expect((await send("categories", file)).body).toMatchObject({
      created: 0,
      unchanged: 2,
      failed: 1,
    })
    expect(await countOf("categories")).toBe(2)
  })
})

describe("importing CSV", () => {
  const sendCsv = async (body: string, query = "", what: "products" | "categories" = "products") =>
    call("POST", `admin/${what}/import${query}`, {
      as: await make.user("staff"),
      body,
      headers: { "content-type": "text/csv" },
    })
  const outcomes = (answer: { body: any }) =>
    answer.body.lines.map(({ outcome }: { outcome: string }) => outcome)
  const saidOf = (answer: { body: any }) =>
    answer.body.lines.map(({ line, errors = [] }: any) => [
      line,
      ...errors.map(({ column, code }: any) => `${column} ${code}`),
    ])

  it("makes and changes products by SKU; columns that are not there leave their fields", async () => {
    await make.category({ name: "Garden" })
    const first = await sendCsv(
      'SKU,Title,Price,Stock,Category,Brand,Tags,is_featured,seo_title\nR-1,Rake,12.50,4,garden,Acme,"tool, new",yes,Rake!\n',
    )
    expect(first.body).toMatchObject({ created: 1, ignored_columns: [] })
    const second = await sendCsv("sku,price,category,colour\nR-1,13.00,,red\n")
    expect(second.body).toMatchObject({ updated: 1, ignored_columns: ["colour"] })
    expect((await call("GET", "products/rake")).body).toMatchObject({
      name: "Rake",
      price: "13.00",
      category: null,
      brand: "Acme",
      tags: ["tool", "new"],
      is_featured: true,
      stock_quantity: 4,
      seo: { title: "Rake!" },
    })
    const third = await sendCsv("sku,stock_quantity\nR-1,9\n")
    expect(outcomes(third)).toEqual(["updated"])
    const { id, stock_quantity } = (
      await call("GET", "products/rake", { headers: { "cache-control": "no-cache" } })
    ).body
    expect(stock_quantity).toBe(9)
    expect((await stockOf(id)).onHand).toBe(9)
    expect(outcomes(await sendCsv("sku,stock_quantity\nR-1,9\n"))).toEqual(["unchanged"])
  })

  it("names the column and the reason of all that is wrong in a row", async () => {
    const answer = await sendCsv(
      "sku,name,price,stock,is_featured,attributes,weight_grams,category\nA,,-1,many,perhaps,{,heavy,nowhere\nB,Rake,1,1,no,,,\n,,,,,,,\nC,Hoe,1.234,,,,,nowhere\nD,Spade,2,1,,,,,too many\n",
    )
    const [first, second, , fourth, fifth] = answer.body.lines
    expect(new Set(first.errors.map(({ column }: any) => column))).toEqual(
      new Set(["price", "stock", "is_featured", "attributes", "weight_grams"]),
    )
    expect(second).toMatchObject({ line: 3, outcome: "created" })
    expect(fourth.errors.map(({ column }: any) => column).toSorted()).toEqual(["category", "price"])
    expect(fifth).toMatchObject({ line: 6, errors: [{ code: "too-many-cells" }] })
    expect(await countOf("products")).toBe(1)
  })

  it("does what its mode says", async () => {
    const file = "sku,name,price\nR-1,Rake,12.50\n"
    expect(outcomes(await sendCsv(file, "?mode=update"))).toEqual(["failed"])
    expect(outcomes(await sendCsv(file, "?mode=create&dry_run=true"))).toEqual(["created"])
    expect(await countOf("products")).toBe(0)
    expect(outcomes(await sendCsv(file, "?mode=create"))).toEqual(["created"])
    const other = "sku,name,price\nR-1,Rake,99.00\n"
    expect(outcomes(await sendCsv(other, "?mode=create"))).toEqual(["skipped"])
    expect(outcomes(await sendCsv(other, "?mode=update&dry_run=1"))).toEqual(["updated"])
    expect((await call("GET", "products/rake")).body.price).toBe("12.50")
    expect(outcomes(await sendCsv(other, "?mode=update"))).toEqual(["updated"])
    const odd = await sendCsv(file, "?mode=replace&dry_run=maybe&format=xls")
    expect(odd.status).toBe(400)
    expect(fieldsOf(odd)).toEqual(["dry_run", "format", "mode"])
  })

  it.each([
    ["has no known column", "colour,size\nred,M\n"],
    ["has a column twice", "sku,name,name\nA,B,C\n"],
    ["is not UTF-8", new Uint8Array([110, 97, 109, 101, 10, 0xff, 0xfe]).buffer],
    ["is UTF-16", new Uint8Array([0xff, 0xfe, 110, 0, 97, 0]).buffer],
    ["has bytes of zero", "name,price\na\0b,1\n"],
    ["is a ZIP", "PK\x03\x04\0\0\0"],
  ])("refuses a file that %s", async (_, body) => {
    const answer = await call("POST", "admin/products/import", {
      as: await make.user("staff"),
      body,
      headers: { "content-type": "text/csv" },
    })
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ["file"]])
    expect(await countOf("loose_objects")).toBe(0)
  })

  it("takes a file of a form, and its options beside it", async () => {
    const form = new FormData()
    form.set("file", new File(["sku,name,price\nR-1,Rake,1\n"], "products.csv"))
    form.set("dry_run", "true")
    const answer = await call("POST", "admin/products/import", {
      as: await make.user("staff"),
      body: form,
    })
    expect(answer.body).toMatchObject({ created: 1, dry_run: true })
    expect(await countOf("products")).toBe(0)
  })

  it("takes Shopify's file, twice as once, and says that pictures are not fetched", async () => {
    const file = [
      "Handle,Title,Vendor,Published,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty,Image Src",
      "tee,Tee,Acme,TRUE,Size,S,TEE-S,19.90,3,http://169.254.169.254/latest/meta-data",
      "tee,,,,,M,TEE-M,21.90,0,",
      "cap,Cap,Acme,TRUE,Title,Default Title,CAP,9,5,",
      "bad,,Acme,TRUE,Size,S,BAD-S,x,1,",
    ].join("\n")
    const first = await sendCsv(file)
    expect(first.body).toMatchObject({ created: 2, failed: 1 })
    expect(first.body.lines[0].warnings).toMatchObject([
      { column: "image src", code: "not-fetched" },
    ])
    expect(saidOf(first)[2]?.[0]).toBe(5)
    expect(saidOf(first)[2].slice(1).toSorted()).toEqual([
      "title required",
      "variant price invalid",
    ])
    const tee = (await call("GET", "products/tee")).body
    expect(tee).toMatchObject({
      price: "19.90",
      brand: "Acme",
      stock_quantity: 3,
      status: "active",
    })
    expect(tee.variants).toMatchObject([
      { sku: "TEE-S", options: { Size: "S" }, price: "19.90", stock_quantity: 3 },
      { sku: "TEE-M", options: { Size: "M" }, price: "21.90", stock_quantity: 0 },
    ])
    expect((await call("GET", "products/cap")).body).toMatchObject({
      sku: "CAP",
      stock_quantity: 5,
    })
    expect(outcomes(await sendCsv(file))).toEqual(["unchanged", "unchanged", "failed"])
    expect(await countOf("products")).toBe(2)
    expect(await countOf("brands")).toBe(1)
  })

  it("makes categories, whose parents come before them", async () => {
    const file = "id,name,parent\n901,Garden,\n902,Tools,901\n903,Rakes,tools\n904,Lost,nowhere\n"
    const made = await sendCsv(file, "", "categories")
    expect(outcomes(made)).toEqual(["created", "created", "created", "failed"])
    expect((await call("GET", "categories/rakes")).body.path).toMatchObject([
      { id: "901" },
      { id: "902" },
      { id: "903" },
    ])
    const moved = await sendCsv("id,parent\n902,\n901,903\n903,902\n902,903\n", "", "categories")
    expect(outcomes(moved)).toEqual(["updated", "updated", "unchanged", "failed"])
    expect(
      (await call("GET", "categories/garden", { headers: { "cache-control": "no-cache" } })).body
        .path,
    ).toMatchObject([{ id: "902" }, { id: "903" }, { id: "901" }])
    const cycle = await sendCsv("id,parent\n902,901\n", "", "categories")
    expect(saidOf(cycle)).toEqual([[2, "parent cycle"]])
  })

  it("finds categories without an id by their slug, and leaves what is not named", async () => {
    const first = "name,slug,description,parent\nGarden,garden,All green,\nRakes,rakes,,garden\n"
    expect(outcomes(await sendCsv(first, "", "categories"))).toEqual(["created", "created"])
    const again = await sendCsv("slug,name\nrakes,Hand rakes\ngarden,Garden\n", "", "categories")
    expect(outcomes(again)).toEqual(["updated", "unchanged"])
    const rakes = await call("GET", "categories/rakes", {
      headers: { "cache-control": "no-cache" },
    })
    expect(rakes.body).toMatchObject({
      name: "Hand rakes",
      path: [{ slug: "garden" }, { slug: "rakes" }],
    })
    expect((await call("GET", "categories/garden")).body.description).toBe("All green")
    expect(await countOf("categories")).toBe(2)
  })

  it("makes no category that has no name, or one that its siblings have, and names each line", async () => {
    await sendCsv("id,name,parent\n901,Garden,\n902,Rakes,901\n", "", "categories")
    const answer = await sendCsv(
      "id,name,slug,parent\n903,,,901\n904,rAKES,,901\n905,Rakes,,\n901,Yard,,\n901,Field,,\n,,none,\n",
      "",
      "categories",
    )
    expect(saidOf(answer)).toEqual([
      [2, "name required"],
      [3, "name taken"],
      [4],
      [5],
      [6, "id taken"],
      [7, "name required"],
    ])
    const ids = answer.body.lines.map(({ id }: { id: string | null }) => id)
    expect(ids).toEqual(["903", "904", "905", "901", "901", null])
    expect(outcomes(answer)).toEqual(["failed", "failed", "created", "updated", "failed", "failed"])
  })

  it("makes only new categories, or changes only those that are there, where it is asked to", async () => {
    await sendCsv("id,name\n901,Garden\n", "", "categories")
    const both = "id,name\n901,Yard\n902,Tools\n"
    const made = await sendCsv(both, "?mode=create", "categories")
    expect(outcomes(made)).toEqual(["skipped", "created"])
    const other = "id,name\n901,Yard\n903,Pots\n"
    const changed = await sendCsv(other, "?mode=update", "categories")
    expect(saidOf(changed)).toEqual([[2], [3, "id unknown"]])
    expect(outcomes(changed)).toEqual(["updated", "failed"])
    expect(await rows("SELECT id, name FROM categories ORDER BY id")).toEqual([
      { id: "901", name: "Yard" },
      { id: "902", name: "Tools" },
    ])
  })

  it("gives a category whose name has no letters of ours a slug all the same", async () => {
    const answer = await sendCsv("id,name\n901,!!!\n902,???\n", "", "categories")
    expect(outcomes(answer)).toEqual(["created", "created"])
    expect(await rows("SELECT slug FROM categories ORDER BY id")).toEqual([
      { slug: "category" },
      { slug: "category-1" },
    ])
  })

  it("says of a category in which columns it is wrong, and takes Shopify's file for none", async () => {
    const long = "x".repeat(300)
    const answer = await sendCsv(`id,name,is_active\nno spaces,${long},maybe\n`, "", "categories")
    expect(outcomes(answer)).toEqual(["failed"])
    expect(
      new Set(
        saidOf(answer)[0]
          .slice(1)
          .map((said: string) => said.split(" ")[0]),
      ),
    ).toEqual(new Set(["id", "name", "is_active"]))
    const shopify = await sendCsv("Handle,Title\ntee,Tee\n", "", "categories")
    expect([shopify.status, shopify.body.code]).toEqual([400, "invalid-input"])
    expect(await countOf("categories")).toBe(0)
  })
})

describe("importing variants", () => {
  const tee = (variants: unknown[], over = {}) => ({
    id: "tee",
    name: "Tee",
    price: "10",
    options: [{ name: "Size", values: ["S", "M", "L"] }],
    variants,
    ...over,
  })
  const S = { id: "v-s", sku: "TEE-S", options: { Size: "S" }, stock_quantity: 3 }
  const M = { id: "v-m", sku: "TEE-M", options: { Size: "M" }, price: "12.00" }

  it("keeps their ids, finds them by id, SKU or options, and leaves those that it does not name", async () => {
    expect((await send("products", lines(tee([S, M])))).body.created).toBe(1)
    const change = tee([
      { sku: "TEE-M", price: "13.00" },
      { options: { Size: "S" }, stock_quantity: 4 },
      { options: { Size: "L" } },
    ])
    expect((await send("products", lines(change))).body.updated).toBe(1)
    const { variants } = (await call("GET", "products/tee")).body
    expect(variants).toMatchObject([
      { id: "v-s", stock_quantity: 4 },
      { id: "v-m", price: "13.00" },
      { options: { Size: "L" } },
    ])
    expect((await stockOf("tee", "v-s")).onHand).toBe(4)
    expect((await send("products", lines({ id: "tee", name: "Shirt" }))).body.updated).toBe(1)
    expect((await send("products", lines({ id: "tee", options: [] }))).body.failed).toBe(1)
    expect((await call("GET", "products/tee")).body.variants).toHaveLength(3)
  })

  it("lets two of them change SKUs with each other", async () => {
    await send("products", lines(tee([S, M])))
    const swap = tee([
      { ...S, sku: "TEE-M" },
      { ...M, sku: "TEE-S" },
    ])
    expect((await send("products", lines(swap))).body).toMatchObject({ updated: 1, failed: 0 })
    const { variants } = (await call("GET", "products/tee")).body
    expect(variants.map(({ id, sku }: any) => [id, sku])).toEqual([
      ["v-s", "TEE-M"],
      ["v-m", "TEE-S"],
    ])
  })

  it("takes nothing away from another product: no id, no SKU", async () => {
    await send("products", lines(tee([S, M])))
    const before = await rows("SELECT * FROM variants ORDER BY id")
    const options = { options: [{ name: "Size", values: ["S", "M"] }] }
    const report = await send(
      "products",
      lines(
        { id: "cap", name: "Cap", price: "1", ...options, variants: [{ ...S, sku: "CAP" }] },
        { id: "v-s", name: "Cap", price: "1" },
        { id: "hat", name: "Hat", price: "1", ...options, variants: [{ ...S, id: "hat-s" }] },
        { id: "bag", name: "Bag", price: "1", sku: "TEE-M" },
        {
          id: "sock",
          name: "Sock",
          price: "1",
          sku: "X",
          ...options,
          variants: [{ sku: "X", options: { Size: "S" } }],
        },
        { id: "shoe", name: "Shoe", price: "1", variants: [{ options: { Size: "S" } }] },
      ),
    )
    expect(
      report.body.lines.map(({ errors }: any) => errors?.map(({ field }: any) => field)),
    ).toEqual([
      ["variants.0.id"],
      ["id"],
      ["variants.0.sku"],
      ["sku"],
      ["variants"],
      ["options", "variants.0.options"],
    ])
    expect(await rows("SELECT * FROM variants ORDER BY id")).toEqual(before)
  })

  it("makes each thing once when two send the same file at once", async () => {
    const file = lines(
      ...Array.from({ length: 20 }, (_, n) => ({
        sku: `T-${n}`,
        name: "Tee",
        price: "1",
        brand: "ÉCLAIR",
        stock_quantity: n === 3 ? 7 : 0,
      })),
    )
    const reports = await Promise.all([1, 2, 3].map(() => send("products", file)))
    expect(reports.map(({ status }) => status)).toEqual([200, 200, 200])
    const created = reports.reduce((sum, { body }) => sum + body.created, 0)
    expect([created, await countOf("products"), await countOf("brands")]).toEqual([20, 20, 1])
    const slugs = await rows(
      "SELECT count(DISTINCT slug) AS n FROM products WHERE slug GLOB 'tee*'",
    )
    expect(slugs).toEqual([{ n: 20 }])
  })

  it("of a product that is made as usual of the same brand goes on, whatever its letters", async () => {
    await make.product({ brand: "ÉCLAIR" })
    await make.product({ brand: "ÉCLAIR" })
    expect(await countOf("brands")).toBe(1)
  })
})
