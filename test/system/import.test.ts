import { setTimeout as sleep } from "node:timers/promises"

import { afterAll, beforeAll, expect, test } from "vitest"

import type { ImportJob, ImportLine } from "#modules/catalog/import-model.ts"

import {
  type Call,
  cleanUp,
  client,
  newFolder,
  type Server,
  startServer,
} from "../support/server.ts"
import { expected, signIn, stockOf } from "./shop.ts"

/** Rows of the file: 50 000 is what a large shop brings, fewer do for every day. */
const rowCount = Number(process.env["IMPORT_ROWS"] ?? 2000)

/** What is done of the file when the server is killed, in percent. */
const deaths = [10, 55]

/** An event that died with the server is due again half a minute later, and once more after a minute. */
const patienceMs = 180_000 + rowCount * 40

/** Every 40th is in stock, every 250th has no name. */
const isBroken = (at: number) => at % 250 === 99
const stockAt = (at: number) => (at % 40 === 0 ? (at % 7) + 1 : 0)

const file = `SKU,Name,Price,Stock,Brand,Tags\n${Array.from(
  { length: rowCount },
  (_, at) =>
    `ROW-${at},${isBroken(at) ? "" : `"Nail, no. ${at}"`},${(at % 900) + 1}.50,${stockAt(at)},Brand ${at % 5},"nail, size ${at % 3}"`,
).join("\n")}\n`

const persistTo = newFolder()
let server: Server
let call: Call
let staff: string

async function start(): Promise<void> {
  server = await startServer({ flags: ["--no-demo"], persistTo })
  call = client(server.base)
  staff = await signIn(call, "staff@nexus.test")
}

/** Asks for the import until `holds`. The local server has no cron: it is called here, as Cloudflare would. */
async function until(id: string, holds: (job: ImportJob) => boolean): Promise<ImportJob> {
  const deadline = Date.now() + patienceMs
  for (let n = 0; ; n++) {
    const job = expected(200, await call<ImportJob>("GET", `admin/imports/${id}`, { as: staff }))
    if (holds(job)) return job
    if (Date.now() > deadline) throw new Error(`not in time: ${JSON.stringify(job)}`)
    if (n % 20 === 19)
      await fetch(
        `${server.base}/cdn-cgi/handler/scheduled?cron=${encodeURIComponent("* * * * *")}`,
      )
    await sleep(200)
  }
}

async function textOf(path: string): Promise<string> {
  const response = await fetch(`${server.base}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${staff}`, connection: "close" },
  })
  expect(response.status).toBe(200)
  return response.text()
}

beforeAll(start)
afterAll(cleanUp)

test(
  `${rowCount} rows are in once each, however often the server is killed in the middle`,
  { timeout: patienceMs * 3 },
  async () => {
    const sent = await fetch(`${server.base}/api/v1/admin/products/import`, {
      method: "POST",
      headers: { authorization: `Bearer ${staff}`, "content-type": "text/csv" },
      body: file,
    })
    expect(sent.status).toBe(202)
    const { id } = (await sent.json()) as ImportJob

    for (const percent of deaths) {
      const job = await until(id, ({ progress }) => progress >= percent)
      expect(job.status).toBe("running")
      await server.kill()
      await start()
    }
    const began = Date.now()
    const done = await until(id, ({ status }) => status !== "running" && status !== "queued")
    const broken = Array.from({ length: rowCount }, (_, at) => at).filter(isBroken)
    console.log(`the rest of ${rowCount} rows took ${Date.now() - began} ms`)
    expect(done).toMatchObject({
      status: "done",
      progress: 100,
      created: rowCount - broken.length,
      failed: broken.length,
    })

    const products = (await textOf("admin/products/export?format=ndjson")).trim().split("\n")
    const bySku = new Map(
      products.map((line) => {
        const product = JSON.parse(line) as { id: string; sku: string; stock_quantity: number }
        return [product.sku, product]
      }),
    )
    expect([products.length, bySku.size]).toEqual([done.created, done.created])
    const wrong = Array.from({ length: rowCount }, (_, at) => at).filter((at) => {
      const product = bySku.get(`ROW-${at}`)
      return isBroken(at) ? product !== undefined : product?.stock_quantity !== stockAt(at)
    })
    expect(wrong).toEqual([])

    const lines = (await textOf(`admin/imports/${id}/report?format=ndjson`)).trim().split("\n")
    const report = lines.map((line) => JSON.parse(line) as ImportLine)
    expect(report.map(({ line }) => line)).toEqual(
      Array.from({ length: rowCount }, (_, at) => at + 2),
    )
    expect(
      report.filter(({ outcome }) => outcome === "failed").map(({ line }) => line - 2),
    ).toEqual(broken)

    // The objects have what the rows say, also those whose chunk was done twice.
    const stocked = Array.from({ length: rowCount }, (_, at) => at).filter(
      (at) => stockAt(at) > 0 && !isBroken(at),
    )
    for (const at of stocked.filter((_, n) => n % Math.ceil(stocked.length / 25) === 0)) {
      const { on_hand } = await stockOf(call, staff, bySku.get(`ROW-${at}`)?.id ?? "")
      expect([at, on_hand]).toEqual([at, stockAt(at)])
    }
  },
)
