import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import type { Ctx } from "#context.ts"
import type { ImportJob } from "#modules/catalog/import-model.ts"
import { receive } from "#modules/catalog/import-receive.ts"
import { work } from "#modules/catalog/import-work.ts"
import * as imports from "#modules/catalog/imports.ts"
import * as files from "#platform/files.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import {
  countOf,
  deliverAll,
  failingStock,
  openEvents,
  rows,
  silentQueue,
  stockObject,
  stockOf,
} from "../support/shop.ts"

/** Staff whose events wait until a test delivers them. */
const staff = (over: Parameters<typeof ctx>[0] = {}) =>
  ctx({ as: make.staff, events: silentQueue, ...over })

async function* once(text: string) {
  yield new TextEncoder().encode(text)
}

async function start(
  text: string,
  fields: Record<string, string> = {},
  kind: "products" | "categories" = "products",
): Promise<ImportJob> {
  const as = staff()
  const answer = await receive(as, kind, { file: once(text), fields: async () => fields })
  await as.settled()
  if (!("job" in answer)) throw new Error(`answered at once: ${JSON.stringify(answer.report)}`)
  return answer.job
}

/** Delivers what is to be done until nothing is. */
async function finish(id: string): Promise<ImportJob> {
  for (let n = 0; n < 50; n++) {
    await deliverAll("import.advanced")
    if ((await openEvents("import.advanced")).length === 0) break
  }
  return imports.get(staff(), id)
}

const advance = (id: string, as: Ctx = staff()) =>
  work(as, { type: "import.advanced", importId: id as ImportJob["id"] as never })

const csv = (
  n: number,
  cells: (at: number) => string = (at) => `SKU-${at},Nail ${at},1.50,${at % 50 === 2 ? 2 : 0}`,
) =>
  `sku,name,price,stock_quantity\n${Array.from({ length: n }, (_, at) => cells(at)).join("\n")}\n`

/** A chunk's worth, four of which are a message. */
const chunk = 200

const outcomes = () =>
  rows<{ outcome: string; n: number }>(
    "SELECT outcome, count(*) AS n FROM import_lines GROUP BY outcome ORDER BY outcome",
  )

describe("a large import", { timeout: 30_000 }, () => {
  it("is taken, worked off and reported line by line", async () => {
    const text = csv(450, (at) =>
      at % 100 === 7 ? `SKU-${at},,0,1` : `SKU-${at},Nail ${at},1.50,0`,
    )
    const job = await start(text)
    expect(job).toMatchObject({ status: "queued", progress: 0, format: "csv", created: 0 })
    const done = await finish(job.id)
    expect(done).toMatchObject({ status: "done", progress: 100, created: 445, failed: 5 })
    expect(done.finished_at).not.toBeNull()
    expect(await countOf("products")).toBe(445)
    const page = await imports.report(staff(), job.id, { outcome: "failed" })
    expect(page.results.map(({ line }) => line)).toEqual([9, 109, 209, 309, 409])
    expect(page.results[0]).toMatchObject({
      id: null,
      outcome: "failed",
      errors: [
        { column: "price", field: "price", detail: "A price is above zero." },
        { column: "name", field: "name", detail: "This field is required." },
      ],
    })
    expect((await env.FILES.list()).objects).toEqual([])
    expect(await countOf("loose_objects")).toBe(0)
    expect(await countOf("import_keys")).toBe(0)
  })

  it("puts the stock of each line away once", async () => {
    const done = await finish((await start(csv(120))).id)
    expect(done).toMatchObject({ created: 120 })
    const [last] = await rows("SELECT id, stock_quantity FROM products WHERE sku = 'SKU-102'")
    expect(last?.["stock_quantity"]).toBe(2)
    expect(await stockOf(last?.["id"])).toEqual({ onHand: 2, held: 0, available: 2 })
  })

  it("is the same when every message comes twice, and at once", async () => {
    const job = await start(
      csv(chunk * 4 + 50, (at) => `SKU-${at},Nail ${at},1.50,${at % 50 ? 0 : 7}`),
    )
    await Promise.all([advance(job.id), advance(job.id), advance(job.id)])
    const done = await finish(job.id)
    expect(done).toMatchObject({ status: "done", created: 850, failed: 0, unchanged: 0 })
    expect(await countOf("products")).toBe(850)
    expect(await outcomes()).toEqual([{ outcome: "created", n: 850 }])
    const [first] = await rows("SELECT id FROM products WHERE sku = 'SKU-0'")
    expect((await stockOf(first?.["id"])).onHand).toBe(7)
    await advance(job.id)
    expect(await countOf("products")).toBe(850)
  })

  it("goes on where it was when a message dies between any two of its steps", async () => {
    const job = await start(csv(chunk * 3))
    // The chunk's stock is in its objects, its rows are not.
    const dying = staff()
    const killed = { ...dying, stock: failingStock({ adjust: 1 }, "after") }
    await expect(advance(job.id, killed)).rejects.toThrow("connection lost")
    expect(await imports.get(staff(), job.id)).toMatchObject({ created: 0, status: "queued" })
    // A chunk is committed, its answer is lost.
    let batches = 0
    const forgetful = new Proxy(dying.db, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== "function") return value
        if (name !== "batch") return value.bind(target)
        return async (all: unknown[]) => {
          const results = await (value as (some: unknown[]) => Promise<unknown>).call(target, all)
          batches += 1
          if (batches === 2) throw new Error("Network connection lost.")
          return results
        }
      },
    })
    await expect(advance(job.id, { ...dying, db: forgetful })).rejects.toThrow("connection lost")
    expect(await imports.get(staff(), job.id)).toMatchObject({ created: chunk, status: "running" })
    const done = await finish(job.id)
    expect(done).toMatchObject({ status: "done", created: chunk * 3, failed: 0 })
    expect(await countOf("products")).toBe(chunk * 3)
    expect(await countOf("import_lines")).toBe(chunk * 3)
    const stocked = await rows("SELECT id FROM products WHERE sku IN ('SKU-2', 'SKU-552')")
    for (const { id } of stocked) expect((await stockOf(id)).onHand).toBe(2)
  })

  it("does not put stock back that was sold between a death and the second try", async () => {
    const text = `id,name,price,stock_quantity\n${Array.from({ length: 101 }, (_, at) => `n${at},Nail ${at},1.50,${at === 0 ? 5 : 0}`).join("\n")}`
    const job = await start(text)
    const killed = { ...staff(), stock: failingStock({ adjust: 1 }, "after") }
    await expect(advance(job.id, killed)).rejects.toThrow("connection lost")
    const id = "n0" as Parameters<ReturnType<typeof stockObject>["adjust"]>[0]
    const sale = { reason: "sale" as const, note: "", actor: "system", key: "sale" }
    await stockObject("n0").adjust(id, [{ variantId: id as never, delta: -2 }], sale)
    expect(await finish(job.id)).toMatchObject({ status: "done", created: 101 })
    expect((await stockOf("n0")).onHand).toBe(3)
    const [row] = await rows("SELECT stock_quantity FROM products WHERE id = 'n0'")
    expect(row).toEqual({ stock_quantity: 3 })
  })

  it("is over when a chunk fails again and again, and says where", async () => {
    const job = await start(csv(150))
    const broken = { ...staff(), stock: failingStock({ adjust: Infinity }) }
    for (let n = 0; n < 4; n++)
      await expect(advance(job.id, broken)).rejects.toThrow("connection lost")
    await advance(job.id, broken)
    expect(await imports.get(staff(), job.id)).toMatchObject({
      status: "failed",
      error: expect.stringMatching(/Line 2 /),
    })
    await files.sweep(ctx())
    expect((await env.FILES.list()).objects).toEqual([])
  })

  it("stops when it is cancelled, and stays so", async () => {
    const job = await start(csv(chunk * 5))
    await advance(job.id)
    const as = staff()
    expect(await imports.cancel(as, job.id)).toMatchObject({ status: "cancelled", created: 800 })
    await as.settled()
    expect(await finish(job.id)).toMatchObject({ status: "cancelled", created: 800 })
    expect(await countOf("products")).toBe(800)
    expect(await imports.cancel(staff(), job.id)).toMatchObject({ status: "cancelled" })
    expect((await env.FILES.list()).objects).toEqual([])
  })

  it("can be cancelled while a chunk is being done: then it is in whole or not at all", async () => {
    const job = await start(csv(chunk * 2))
    await Promise.all([advance(job.id), imports.cancel(staff(), job.id)])
    const { created, status } = await imports.get(staff(), job.id)
    expect(["cancelled", "done"]).toContain(status)
    expect(await countOf("products")).toBe(created)
    expect(created % chunk).toBe(0)
  })

  it("changes nothing in a dry run, and finds what the real one would", async () => {
    const text = csv(250, (at) =>
      at === 249 ? "SKU-3,Twice,1,0" : `SKU-${at},Nail ${at},1.50,${at % 50 ? 0 : 4}`,
    )
    const dry = await finish((await start(text, { dry_run: "true" })).id)
    expect(dry).toMatchObject({ dry_run: true, status: "done", created: 249, failed: 1 })
    expect(await countOf("products")).toBe(0)
    expect(await countOf("brands")).toBe(0)
    const [twice] = (await imports.report(staff(), dry.id, { outcome: "failed" })).results
    expect(twice).toMatchObject({
      line: 251,
      errors: [{ column: "sku", code: "taken", detail: "Line 5 of this file has it too." }],
    })
    const wet = await finish((await start(text)).id)
    expect(wet).toMatchObject({ created: 249, failed: 1 })
  })

  it("reads what can be read of a file that breaks off, and says where", async () => {
    const job = await start(`${csv(130)}"SKU-x,Open quote,1,1\nSKU-y,Lost,1,1\n`)
    const done = await finish(job.id)
    expect(done).toMatchObject({ status: "failed", created: 130, failed: 1 })
    expect(done.error).toMatch(/quote/)
    const { results } = await imports.report(staff(), job.id, { outcome: "failed" })
    expect(results).toMatchObject([{ line: 132, errors: [{ code: "malformed" }] }])
    expect((await openEvents("import.advanced")).length).toBe(0)
  })

  it("makes categories too, parents before children over chunks", async () => {
    const lines = Array.from({ length: 260 }, (_, at) =>
      JSON.stringify({ id: `c${at}`, name: `C${at}`, parent: at < 10 ? null : `c${at % 10}` }),
    )
    const done = await finish((await start(lines.join("\n"), {}, "categories")).id)
    expect(done).toMatchObject({ kind: "categories", created: 260 })
    expect(await rows("SELECT path FROM categories WHERE id = 'c255'")).toEqual([
      { path: "/c5/c255/" },
    ])
  })

  it("counts the products of their categories", async () => {
    const category = await make.category({ name: "Nails" })
    const text = `sku,name,price,category,status\n${Array.from({ length: 201 }, (_, at) => `N-${at},N ${at},1,nails,${at % 2 ? "draft" : "active"}`).join("\n")}`
    await finish((await start(text)).id)
    expect(await rows("SELECT product_count AS n FROM categories")).toEqual([{ n: 101 }])
    const moved = text.replaceAll(",draft", ",active")
    await finish((await start(moved)).id)
    expect(await rows("SELECT product_count AS n FROM categories")).toEqual([{ n: 201 }])
    expect(category.product_count).toBe(0)
  })

  it("costs the same statements of D1 whatever is in a chunk", async () => {
    const cost = async (n: number) => {
      const job = await start(csv(n, (at) => `${n}-${at},Nail ${n} ${at},1,0`))
      const as = staff()
      await work(as, { type: "import.advanced", importId: job.id as never })
      return as.meter.d1Queries
    }
    expect(await cost(190)).toBe(await cost(101))
  })

  it("leaves no object when the row cannot be written", async () => {
    const as = staff()
    const upload = {
      file: once(csv(150)),
      fields: () => Promise.reject(new Error("killed")),
    }
    await expect(receive(as, "products", upload)).rejects.toThrow("killed")
    await as.settled()
    expect((await env.FILES.list()).objects).toEqual([])
  })

  it("is forgotten with its report a month after", async () => {
    const job = await start(csv(120))
    await finish(job.id)
    await imports.purge(ctx({ now: new Date(Date.parse(job.created_at) + 29 * 86_400_000) }))
    expect(await countOf("imports")).toBe(1)
    await imports.purge(ctx({ now: new Date(Date.parse(job.created_at) + 31 * 86_400_000) }))
    expect([await countOf("imports"), await countOf("import_lines")]).toEqual([0, 0])
    expect(await countOf("products")).toBe(120)
  })
})

describe("a large import over HTTP", { timeout: 30_000 }, () => {
  it("answers 202 with where to look, and is done by itself", async () => {
    const as = await make.user("staff")
    const sent = await call("POST", "admin/products/import", {
      as,
      body: csv(150),
      headers: { "content-type": "text/csv" },
    })
    expect(sent).toMatchObject({ status: 202, body: { status: "queued", kind: "products" } })
    const path = `admin/imports/${sent.body.id}`
    await expect
      .poll(async () => (await call("GET", path, { as })).body.status, { timeout: 15_000 })
      .toBe("done")
    const page = await call("GET", `${path}/report?page_size=100`, { as })
    expect(page.body).toMatchObject({ count: 150, results: { length: 100 } })
    const next = await call("GET", `${path}/report?page_size=100&cursor=${page.body.next_cursor}`, {
      as,
    })
    expect(next.body.results.map(({ line }: any) => line)).toEqual(
      Array.from({ length: 50 }, (_, at) => at + 102),
    )
    const file = await call("GET", `${path}/report?format=csv`, { as })
    expect(file.headers.get("content-type")).toBe("text/csv; charset=utf-8")
    expect(file.body.split("\r\n")).toHaveLength(152)
    expect((await call("GET", "admin/imports", { as })).body.results).toMatchObject([
      { id: sent.body.id },
    ])
    const customer = await make.user()
    expect((await call("GET", path, { as: customer })).status).toBe(403)
    expect((await call("GET", "admin/imports/imp_nope", { as })).status).toBe(404)
  })
})
