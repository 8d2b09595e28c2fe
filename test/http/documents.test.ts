import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { sha256 } from "#lib/secret.ts"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { address, move, order } from "../support/shop.ts"

/** The text of a page, tags and runs of blanks taken out. */
const textOf = (html: string) =>
  html
    .replace(/<style>.*<\/style>/s, "")
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ")

/** Sets columns of an order, as a shop with taxes and shipping would have them. */
async function set(table: string, id: string, columns: Record<string, unknown>) {
  const names = Object.keys(columns)
  await env.DB.prepare(
    `UPDATE ${table} SET ${names.map((name) => `${name} = ?`).join(", ")} WHERE id = ?`,
  )
    .bind(...Object.values(columns), id)
    .run()
}

describe("an invoice", () => {
  it("has the order's number and day, what was bought, and what is due", async () => {
    const customer = await make.user()
    const lamp = await make.product({ name: "Lamp", price: "1299.99", sku: "LAMP-1" })
    const { body } = await order([{ product_id: lamp.id, quantity: 2 }], customer)
    const answer = await call("GET", `orders/${body.order_number}/invoice`, { as: customer })
    expect(answer.status).toBe(200)
    expect(answer.headers.get("content-type")).toMatch(/^text\/html/)
    expect(answer.headers.get("cache-control")).toBe("private, no-store")
    const text = textOf(answer.body)
    for (const part of [
      `Invoice ${body.order_number} ${body.created_at.slice(0, 10)} Nexus`,
      "Bill to Ada Lovelace 12 St James's Square SW1Y 4JH London GB".replace("'", "&#39;"),
      "Lamp LAMP-1 2 $1,299.99 – – $2,599.98",
      "Total USD $2,599.98",
      "Paid $0.00",
      "Amount due $2,599.98",
      "No tax was charged.",
    ])
      expect(text).toContain(part)
    const again = await call("GET", `orders/${body.id}/invoice`, { as: customer })
    expect(again.body).toBe(answer.body)
  })

  it("names each tax that was added with its rate, and the discount and shipping", async () => {
    const customer = await make.user()
    const lamp = await make.product({ name: "Lamp", price: "50.00" })
    const { body } = await order([{ product_id: lamp.id, quantity: 2 }], customer)
    await set("order_lines", body.items[0].id, {
      discount_amount: 1000,
      tax_amount: 743,
      taxes: JSON.stringify([
        { name: "State tax", rate: "7.25", amount: 653 },
        { name: "City tax", rate: "1", amount: 90 },
      ]),
    })
    await set("orders", body.id, {
      discount_amount: 1000,
      coupons: '["SAVE10"]',
      shipping_amount: 500,
      shipping_tax_amount: 41,
      shipping_method: '{"id":"s","name":"Standard"}',
      tax_amount: 784,
      total_amount: 10284,
      paid_amount: 10284,
    })
    const text = textOf((await call("GET", `orders/${body.id}/invoice`, { as: customer })).body)
    for (const part of [
      "−$10.00 State tax 7.25 %, City tax 1 % $90.00",
      "Subtotal $100.00 Discount SAVE10 −$10.00 Shipping: Standard $5.00 State tax 7.25 % $6.53 City tax 1 % $0.90 tax on shipping $0.41 Total USD $102.84",
      "Paid $102.84 Amount due $0.00",
      "Prices do not include tax; it is added.",
    ])
      expect(text).toContain(part)
  })

  it("says which tax prices include, and what was given back", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const lamp = await make.product({ name: "Lamp", price: "120.00" })
    const { body } = await order([{ product_id: lamp.id, quantity: 1 }], customer)
    await set("order_lines", body.items[0].id, {
      included_tax_amount: 2000,
      taxes: JSON.stringify([{ name: "VAT", rate: "20", amount: 2000 }]),
    })
    await set("orders", body.id, {
      included_tax_amount: 2000,
      paid_amount: 12000,
      refunded_amount: 4500,
    })
    await env.DB.exec(
      `INSERT INTO payments (id, reference, provider, status, currency, amount, captured_amount, refunded_amount, capture, version, checks, created_at, updated_at) VALUES ('pay_1', '${body.id}', 'cod', 'partially_refunded', 'USD', 12000, 12000, 4500, 'manual', 1, 0, '', '')`,
    )
    const refund = (id: string, status: string, amount: number, day: number) =>
      env.DB.exec(
        `INSERT INTO refunds (id, key, payment_id, reference, status, amount, currency, reason, checks, created_at, updated_at) VALUES ('${id}', '${id}', 'pay_1', '${body.id}', '${status}', ${amount}, 'USD', 'secret remark', 0, '2026-11-0${day}', '')`,
      )
    await refund("r1", "succeeded", 4000, 1)
    await refund("r2", "pending", 500, 2)
    await refund("r3", "failed", 700, 3)
    const text = textOf((await call("GET", `orders/${body.id}/invoice`, { as: staff })).body)
    expect(text).toContain(
      "Total USD $120.00 Included VAT 20 % $20.00 Paid $120.00 Refund of 2026-11-01 −$40.00 Refund of 2026-11-02, on its way −$5.00 Amount due $0.00",
    )
    expect(text).toContain("Prices include tax.")
    expect(text).not.toMatch(/secret remark|7\.00/)
  })

  it("writes what people typed as text, and lets no script run", async () => {
    const customer = await make.user()
    const lamp = await make.product({ name: "<img src=x onerror=alert(1)>", sku: '"><script>' })
    const hostile = "</style><script>alert(1)</script>"
    const { body } = await order([{ product_id: lamp.id, quantity: 1 }], customer, {
      shipping_address: { ...address, city: hostile },
      notes: hostile,
    })
    const staff = await make.user("staff")
    for (const part of ["invoice", "packing-slip"]) {
      const { body: html, headers } = await call("GET", `orders/${body.id}/${part}`, { as: staff })
      expect(html).not.toMatch(/<script|<img/i)
      expect(html).toContain("&lt;/style&gt;&lt;script&gt;")
      const [style = ""] = /(?<=<style>).*(?=<\/style>)/s.exec(html) ?? []
      const digest = await sha256(style)
      const hash = btoa(
        String.fromCharCode(...(digest.match(/../g) ?? []).map((two) => Number.parseInt(two, 16))),
      )
      expect(headers.get("content-security-policy")).toBe(
        `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      )
    }
  })

  it("opens for its owner, the holder of its token and staff, and is not there for others", async () => {
    const [customer, other] = [await make.user(), await make.user()]
    const lamp = await make.product()
    const own = (await order([{ product_id: lamp.id, quantity: 1 }], customer)).body
    const guests = (await order([{ product_id: lamp.id, quantity: 1 }])).body
    const path = `orders/${own.id}/invoice`
    expect((await call("GET", path)).status).toBe(401)
    expect((await call("GET", path, { as: other })).status).toBe(404)
    const headers = { "x-order-token": guests.access_token as string }
    expect((await call("GET", path, { headers })).status).toBe(404)
    expect((await call("GET", `orders/${guests.id}/invoice`, { headers })).status).toBe(200)
    expect((await call("GET", `orders/${guests.id}/packing-slip`, { headers })).status).toBe(401)
    expect((await call("GET", `orders/${own.id}/packing-slip`, { as: customer })).status).toBe(403)
  })
})

describe("a packing slip", () => {
  it("says what to send where, without prices and digital things", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const lamp = await make.product({
      name: "Lamp",
      price: "77.77",
      sku: "LAMP-1",
      stock_quantity: 9,
    })
    const song = await make.product({ name: "Song", is_digital: true })
    const { body } = await order(
      [
        { product_id: lamp.id, quantity: 3 },
        { product_id: song.id, quantity: 1 },
      ],
      customer,
      { notes: "Ring twice" },
    )
    await set("order_lines", body.items[0].id, { fulfilled_quantity: 1 })
    const text = textOf((await call("GET", `orders/${body.id}/packing-slip`, { as: staff })).body)
    expect(text).toContain("Lamp LAMP-1 3 1 2")
    expect(text).toContain("2 pieces to pack")
    expect(text).toContain("Ring twice")
    expect(text).not.toMatch(/77|\$|Song/)
  })

  it("of a cancelled order says so", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const lamp = await make.product()
    const { body } = await order([{ product_id: lamp.id, quantity: 1 }], customer)
    await move(body.id, staff, "cancelled")
    for (const part of ["packing-slip", "invoice"]) {
      const answer = await call("GET", `orders/${body.id}/${part}`, { as: staff })
      expect(textOf(answer.body)).toContain("Cancelled")
    }
    expect(textOf((await call("GET", `orders/${body.id}/invoice`, { as: staff })).body)).toContain(
      "Amount due $0.00",
    )
  })
})
