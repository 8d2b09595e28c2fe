import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { address, fieldsOf, order } from "../support/shop.ts"
import { send } from "../support/wire.ts"

type Signed = { access: string }

const roundTrips = (headers: Headers) =>
  Number(/d1_queries;desc="(\d+)"/.exec(headers.get("server-timing") ?? "")?.[1])

/** Names of the orders that a query finds, by what was ordered. */
async function found(path: string, as: Signed): Promise<string[]> {
  const { status, body } = await call("GET", path, { as })
  expect([path, status]).toEqual([path, 200])
  expect(body.count).toBe(body.results.length)
  return body.results.map((one: any) => one.items[0].name)
}

/** Three orders by two customers: of a cap (10.00), a mug (4.00) and a lamp (250.00), in this order. */
async function shop() {
  const [ada, bob, staff] = [await make.user(), await make.user(), await make.user("staff")]
  const placed: Record<string, any> = {}
  for (const [name, price, sku, as, last_name] of [
    ["Cap", "10.00", "CAP-1", ada, "Lovelace"],
    ["Mug", "4.00", "MUG-1", bob, "O'Brien"],
    ["Lamp", "250.00", "LAMP-1", bob, "Öberg"],
  ] as const) {
    const product = await make.product({ name, price, sku })
    const answer = await order([{ product_id: product.id, quantity: 1 }], as, {
      shipping_address: { ...address, last_name },
    })
    placed[name] = answer.body
  }
  const set = (name: string, sql: string) =>
    env.DB.prepare(`UPDATE orders SET ${sql} WHERE id = ?`).bind(placed[name].id).run()
  await set(
    "Cap",
    "status = 'confirmed', payment_status = 'paid', created_at = '2026-01-10T08:00:00.000Z'",
  )
  await set(
    "Mug",
    "status = 'shipped', created_at = '2026-02-10T08:00:00.000Z', email = 'Bob@Shop.example'",
  )
  await set("Lamp", "created_at = '2026-02-11T23:59:59.999Z'")
  return { ada, bob, staff, placed }
}

it("a list shows each order as it opens, with its lines and payments, in two looks", async () => {
  const { staff, bob } = await shop()
  for (const [path, as] of [
    ["admin/orders", staff],
    ["orders", bob],
  ] as const) {
    const answer = await send("GET", path, { as })
    expect(answer.body.results.length).toBeGreaterThan(1)
    expect(roundTrips(answer.headers)).toBeLessThanOrEqual(2)
    for (const one of answer.body.results) {
      const opened = await call("GET", `orders/${one.id}`, { as })
      const { fulfilments: _f, public_notes: _n, explain: _e, ...same } = opened.body
      expect(one).toEqual(same)
      expect(one.payments).toMatchObject([{ provider: "manual", amount: one.total }])
    }
  }
})

describe("the staff's list of orders", () => {
  it("filters by states, dates, totals and words, and orders by date or total", async () => {
    const { staff, placed, bob } = await shop()
    const number: string = placed["Mug"].order_number
    const expected: [string, string[]][] = [
      ["", ["Lamp", "Mug", "Cap"]],
      ["?status=confirmed", ["Cap"]],
      ["?status=confirmed,shipped", ["Mug", "Cap"]],
      ["?status=confirmed,shipped&ordering=created_at", ["Cap", "Mug"]],
      ["?status=confirmed,shipped,pending&payment_status=unpaid&ordering=total", ["Mug", "Lamp"]],
      ["?payment_status=paid,unpaid&ordering=-total", ["Lamp", "Cap", "Mug"]],
      ["?date_from=2026-02-10&date_to=2026-02-11", ["Lamp", "Mug"]],
      ["?date_to=2026-02-10", ["Mug", "Cap"]],
      ["?date_from=2026-02-10T08:00:00.001Z", ["Lamp"]],
      // Without an ordering of its own a filter by total orders by total.
      ["?min_total=5", ["Lamp", "Cap"]],
      ["?max_total=10.00&ordering=total", ["Mug", "Cap"]],
      ["?max_total=10&date_from=2026-01-01&date_to=2026-03-01", ["Mug", "Cap"]],
      ["?date_from=2026-01-01&date_to=2026-03-01&ordering=total", ["Mug", "Cap", "Lamp"]],
      [`?user=${bob.id}&ordering=total&min_total=1`, ["Mug", "Lamp"]],
      [`?search=${number}`, ["Mug"]],
      [`?search=${number.toLowerCase().slice(0, 13)}`, ["Mug"]],
      [`?search=${placed["Cap"].id}`, ["Cap"]],
      ["?search=bob@", ["Mug"]],
      ["?user_email=BOB@SHOP", ["Mug"]],
      ["?search=love", ["Cap"]],
      ["?search=O%27B", ["Mug"]],
      ["?search=LAMP-1", ["Lamp"]],
      ["?search=LAMP-1&status=shipped", []],
      ["?search=nothing", []],
      ["?search=%25", []],
    ]
    for (const [query, names] of expected)
      expect([query, await found(`admin/orders${query}`, staff)]).toEqual([query, names])
  })

  it.each([
    ["status=banana", "status"],
    ["status=pending,", "status"],
    ["payment_status=paid,x", "payment_status"],
    ["min_total=5&ordering=created_at", "date_from"],
    ["min_total=5&date_from=2020-01-01", "date_from"],
    ["ordering=total&date_to=2026-01-01", "date_from"],
    ["status=pending,confirmed,shipped&payment_status=paid,unpaid", "payment_status"],
    ["status=pending,confirmed,processing,shipped,delivered,cancelled", "status"],
    ["search=", "search"],
  ])("refuses %s, and says what is wrong", async (query, field) => {
    const refused = await call("GET", `admin/orders?${query}`, { as: await make.user("staff") })
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-input" } })
    expect(fieldsOf(refused)).toEqual([field])
  })

  it("skips and repeats nothing from page to page of several states", async () => {
    const { staff } = await shop()
    for (const query of ["status=pending,confirmed,shipped", "search=NX-", "ordering=-total"]) {
      const seen: string[] = []
      let path = `admin/orders?${query}&page_size=1`
      for (let n = 0; n < 5; n++) {
        const { body } = await call("GET", path, { as: staff })
        seen.push(...body.results.map((one: any) => one.items[0].name))
        if (body.next_cursor === null) break
        path = `admin/orders?${query}&page_size=1&cursor=${body.next_cursor}`
      }
      const order = query.startsWith("ordering") ? ["Lamp", "Cap", "Mug"] : ["Lamp", "Mug", "Cap"]
      expect([query, seen]).toEqual([query, order])
    }
  })
})

describe("one's own list of orders", () => {
  it("is searched by number, product and SKU, and by nobody else's", async () => {
    const { bob, ada, placed } = await shop()
    const expected: [string, string[]][] = [
      ["?search=lam", ["Lamp"]],
      ["?search=MUG-1", ["Mug"]],
      [`?search=${placed["Mug"].order_number.slice(12)}`, ["Mug"]],
      [`?search=${placed["Cap"].order_number}`, []],
      ["?status=shipped,pending&min_total=1&date_from=2020-01-01&ordering=total", ["Mug", "Lamp"]],
      ["?search=%25", []],
    ]
    for (const [query, names] of expected)
      expect([query, await found(`orders${query}`, bob)]).toEqual([query, names])
    expect(await found(`orders?user=${"usr_x"}&user_email=bob`, ada)).toEqual(["Cap"])
  })
})

describe("an export of orders", () => {
  const lines = (csv: string) => csv.trimEnd().split("\r\n")

  it("has a row for each order, or for each line, of those that the filters find", async () => {
    const { staff, placed } = await shop()
    const all = await call("GET", "admin/orders/export", { as: staff })
    expect(all.status).toBe(200)
    expect(all.headers.get("content-type")).toBe("text/csv; charset=utf-8")
    expect(all.headers.get("content-disposition")).toMatch(
      /^attachment; filename="orders-.*\.csv"$/,
    )
    const [header = "", ...rows] = lines(all.body)
    expect(header).toMatch(
      /^order_number,created_at,status,payment_status,payment_method,user,email,currency,subtotal/,
    )
    expect(rows.map((row) => row.split(",")[0])).toEqual(
      ["Lamp", "Mug", "Cap"].map((name) => placed[name].order_number),
    )
    expect(rows[1]).toContain(",manual,")
    const some = await call("GET", "admin/orders/export?rows=lines&status=confirmed,shipped", {
      as: staff,
    })
    const cells = lines(some.body).map((row) => row.split(",").slice(7, 9))
    expect(cells).toEqual([
      ["sku", "name"],
      ["MUG-1", "Mug"],
      ["CAP-1", "Cap"],
    ])
  })

  it("reads on in pieces and misses none", async () => {
    const staff = await make.user("staff")
    await env.DB.exec(
      `INSERT INTO orders (id, number, email, status, payment_status, payment_method, currency, subtotal_amount, discount_amount, shipping_amount, tax_amount, total_amount, notes, version, created_at, updated_at) WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 450) SELECT 'ord_' || value, 'NX-' || value, 'a@b.c', iif(value % 2, 'pending', 'confirmed'), 'unpaid', 'manual', 'USD', 100 + value % 7, 0, 0, 0, 100 + value % 7, '', 1, '2026-11-01T00:00:0' || (value % 10) || '.000Z', '' FROM n`,
    )
    for (const query of ["", "?ordering=total", "?status=pending,confirmed&ordering=-total"]) {
      const { body } = await call("GET", `admin/orders/export${query}`, { as: staff })
      const numbers = lines(body)
        .slice(1)
        .map((row) => row.split(",")[0])
      expect([query, numbers.length, new Set(numbers).size]).toEqual([query, 450, 450])
    }
  })

  it("runs no formula, and quotes what needs it", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const product = await make.product({ name: '=HYPERLINK("x")', sku: "@SUM(1)" })
    await order([{ product_id: product.id, quantity: 1 }], customer, {
      shipping_address: { ...address, city: "+cmd|' /C calc'!A0" },
      notes: 'a "quote", and\na line',
    })
    const { body } = await call("GET", "admin/orders/export", { as: staff })
    expect(body).toContain(`,'+cmd|' /C calc'!A0,`)
    expect(body).toContain('"a ""quote"", and\na line"')
    const byLine = await call("GET", "admin/orders/export?rows=lines", { as: staff })
    expect(byLine.body).toContain(`,'@SUM(1),"'=HYPERLINK(""x"")",`)
  })

  it("is the staff's, and refuses before it begins", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    expect((await call("GET", "admin/orders/export")).status).toBe(401)
    expect((await call("GET", "admin/orders/export", { as: customer })).status).toBe(403)
    const refused = await call("GET", "admin/orders/export?status=x&rows=cells", { as: staff })
    expect(fieldsOf(refused)).toEqual(["rows", "status"])
    const wide = "admin/orders/export?min_total=1&ordering=created_at"
    expect(fieldsOf(await call("GET", wide, { as: staff }))).toEqual(["date_from"])
  })
})
