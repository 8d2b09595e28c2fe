import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import type { Ctx } from "#context.ts"
import { AllOrdersQuery, OrderQuery } from "#modules/orders/lists-model.ts"
import { list, listAll } from "#modules/orders/lists.ts"

import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"

type Sql = { sql: string; params: unknown[] }

/** A Ctx that notes what it is asked to read, and reads it. */
function noting(as: Ctx["actor"]): { ctx: Ctx; noted: Sql[] } {
  const real = ctx({ as })
  const noted: Sql[] = []
  const db = new Proxy(real.db, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown
      if (name !== "batch" || typeof value !== "function")
        return typeof value === "function" ? value.bind(target) : value
      return (statements: { toSQL(): Sql }[]) => {
        noted.push(...statements.map((one) => one.toSQL()))
        return (value as (all: unknown) => Promise<unknown>).call(target, statements)
      }
    },
  })
  return { ctx: { ...real, db }, noted }
}

async function plansOf(noted: readonly Sql[]): Promise<string[][]> {
  const answers = await env.DB.batch<{ detail: string }>(
    noted.map(({ sql, params }) => env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...params)),
  )
  return answers.map(({ results }) => results.map(({ detail }) => detail))
}

/** Every choice of one value, or none, of each. */
function combinations(of: Record<string, (string | undefined)[]>): Record<string, string>[] {
  return Object.entries(of).reduce<Record<string, string>[]>(
    (all, [name, values]) =>
      all.flatMap((one) =>
        values.map((value) => (value === undefined ? one : { ...one, [name]: value })),
      ),
    [{}],
  )
}

const facets = {
  status: [undefined, "pending", "pending,confirmed"],
  payment_status: [undefined, "paid", "paid,unpaid"],
  date_from: [undefined, "2026-11-01"],
  max_total: [undefined, "100.00"],
  ordering: ["created_at", "-created_at", "total", "-total"],
}
const dates = { date_from: "2026-11-01", date_to: "2026-12-31" }

describe("a list of orders", () => {
  it("of one account is led by the account's index, whatever it is filtered and ordered by", async () => {
    const strays: unknown[] = []
    for (const given of combinations({ ...facets, search: [undefined, "cap"] })) {
      const { ctx: as, noted } = noting({ ...make.staff, role: "customer" } as Ctx["actor"])
      await list(as, OrderQuery.parse(given))
      const index = given["ordering"]?.endsWith("total") ? "orders_user_total" : "orders_user"
      const [page = [], count = []] = await plansOf(noted)
      const isLed =
        new RegExp(`^SEARCH orders USING (COVERING )?INDEX ${index} \\(user_id=\\?`).test(
          page[0] ?? "",
        ) &&
        /^SEARCH orders USING (COVERING )?INDEX orders_user/.test(
          count.find((line) => / orders /.test(line)) ?? "",
        )
      if (!isLed || page.some((line) => line.includes("TEMP B-TREE")))
        strays.push([given, page, count])
    }
    expect(strays).toEqual([])
  })

  it("of everybody's walks an index in its order: nothing is scanned that is filtered, nothing sorted", async () => {
    const strays: unknown[] = []
    const all = combinations({ ...facets, date_to: [undefined] })
    for (const given of all) {
      const [hasDates, hasTotals] = ["date_from" in given, "max_total" in given]
      const isByTotal = given["ordering"]?.endsWith("total")
      const isMixed = hasTotals && hasDates ? true : isByTotal ? hasDates : hasTotals
      const { ctx: as, noted } = noting(make.staff)
      await listAll(as, AllOrdersQuery.parse({ ...given, ...(hasDates && dates) })).catch(
        (error) => {
          if (!isMixed || hasDates) throw error
        },
      )
      if (isMixed && !hasDates) {
        if (noted.length > 0) strays.push([given, "not refused"])
        continue
      }
      const plans = await plansOf(noted)
      const isPlain = Object.keys(given).length === 1
      for (const line of plans.flat()) {
        const isScan =
          line.startsWith("SCAN orders") &&
          !(isPlain && /INDEX orders_(created|total)|COVERING/.test(line))
        // Dates and totals together: the orders of the dates, sorted when they are there.
        const isSort = /TEMP B-TREE/.test(line) && !(isMixed && isByTotal)
        if (isScan || isSort) strays.push([given, line])
      }
      const wanted = isMixed ? "orders_created" : isByTotal ? "_?total" : ""
      if (
        !(plans[0] ?? []).some((line) =>
          new RegExp(`INDEX orders_\\w*${wanted}`.replace("orders_\\w*orders_", "orders_")).test(
            line,
          ),
        )
      )
        strays.push([given, plans[0]])
    }
    expect(strays).toEqual([])
  })

  it.each([
    ["search", "NX-2026"],
    ["user_email", "ada@"],
  ])(
    "of everybody's by %s goes by indexes to few rows, and filters those",
    async (name, value) => {
      const strays: unknown[] = []
      for (const given of combinations({ ...facets, user: [undefined, "usr_1"] })) {
        const { ctx: as, noted } = noting(make.staff)
        await listAll(as, AllOrdersQuery.parse({ ...given, [name]: value }))
        const lines = (await plansOf(noted)).flat()
        const scans = lines.filter((line) => /^SCAN (orders|order_lines)/.test(line))
        const isById = lines.some((line) =>
          line.startsWith("SEARCH orders USING INDEX sqlite_autoindex_orders_1 (id=?)"),
        )
        if (scans.length > 0 || !isById) strays.push([given, lines])
      }
      expect(strays).toEqual([])
    },
    60_000,
  )

  it("goes on from a cursor by the same index", async () => {
    await env.DB.exec(
      `INSERT INTO orders (id, number, email, status, payment_status, payment_method, currency, subtotal_amount, discount_amount, shipping_amount, tax_amount, total_amount, notes, version, created_at, updated_at) SELECT 'ord_' || value, 'NX-' || value, 'a@b.c', 'pending', 'unpaid', 'manual', 'USD', 100, 0, 0, 0, 100, '', 1, '2026-11-0' || value, '2026-11-0' || value FROM json_each('[1,2,3,4]')`,
    )
    for (const ordering of ["created_at", "-total"])
      for (const status of ["pending", "pending,confirmed"]) {
        const { ctx: as, noted } = noting(make.staff)
        const query = { status, ordering, page_size: "2" }
        const first = await listAll(as, AllOrdersQuery.parse(query))
        noted.length = 0
        const second = await listAll(
          as,
          AllOrdersQuery.parse({ ...query, cursor: first.nextCursor ?? "" }),
        )
        const seen = [...first.results, ...second.results].map(({ id }) => id)
        const all = ["ord_1", "ord_2", "ord_3", "ord_4"]
        expect(seen).toEqual(ordering === "created_at" ? all : all.toReversed())
        const lines = (await plansOf(noted.slice(0, 1))).flat()
        expect(lines.filter((line) => /SCAN|TEMP/.test(line))).toEqual([])
      }
  })
})
