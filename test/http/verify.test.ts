import { describe, expect, it } from "vitest"

import type { Id } from "#lib/id.ts"
import { checks } from "#modules/admin/verify.ts"

import { call } from "../support/api.ts"
import { giftCard, grant } from "../support/credit.ts"
import * as make from "../support/make.ts"
import { deliverAll, move, order, rows, stockObject } from "../support/shop.ts"

type Found = { name: string; violations: { subject: string; detail: string }[] }

async function verified(as: { access: string }, query = "") {
  const { status, body } = await call("GET", `admin/verify${query}`, { as })
  expect(status).toBe(200)
  return body as { is_sound: boolean; is_complete: boolean; checks: Found[] }
}

/** A shop in which a bit of everything has happened. */
async function busy() {
  const [admin, staff, buyer] = [
    await make.user("admin"),
    await make.user("staff"),
    await make.user(),
  ]
  const product = await make.product({ stock_quantity: 20 })
  const items = [{ product_id: product.id, quantity: 2 }]
  const placed = (await order(items, buyer)).body
  const sent = (await order(items, buyer)).body
  const cancelled = (await order(items, buyer)).body
  await move(sent.id, staff, "confirmed", "processing", "shipped", "delivered")
  await call("POST", `orders/${cancelled.id}/cancel`, { as: buyer })
  await deliverAll()
  return { admin, staff, buyer, product, placed, sent, cancelled }
}

/** What each check says when this was done behind the shop's back. */
async function after(as: { access: string }, name: string, sql: string, ...values: unknown[]) {
  await rows(sql, ...values)
  const { is_sound, checks: found } = await verified(as)
  expect(is_sound).toBe(false)
  const broken = found.filter(({ violations }) => violations.length > 0)
  expect(broken.map((one) => one.name)).toContain(name)
  return broken.find((one) => one.name === name)!.violations
}

describe("verifying a shop", () => {
  it("finds nothing where nothing is wrong, in every check", async () => {
    const { admin } = await busy()
    const { is_sound, is_complete, checks: found } = await verified(admin)
    expect(found.filter(({ violations }) => violations.length > 0)).toEqual([])
    expect(found.map(({ name }) => name)).toEqual(Object.keys(checks))
    expect({ is_sound, is_complete }).toEqual({ is_sound: true, is_complete: true })
  })

  it("is for admins, and names the checks when asked for one that is not there", async () => {
    const { admin, staff } = await busy()
    expect((await call("GET", "admin/verify")).status).toBe(401)
    expect((await call("GET", "admin/verify", { as: staff })).status).toBe(403)
    const unknown = await call("GET", "admin/verify?check=nope", { as: admin })
    expect([unknown.status, unknown.body.errors[0].field]).toEqual([400, "check"])
  })

  it("goes on from where a stretch ended", async () => {
    const { admin } = await busy()
    for (let n = 0; n < 55; n++) await make.product({ stock_quantity: 1 })
    const first = (await verified(admin, "?check=stock")).checks[0] as never as Record<string, any>
    expect(first).toMatchObject({ checked: 50 })
    const second = await verified(admin, `?check=stock&after=${first["next"]}`)
    expect(second.checks[0]).toMatchObject({ checked: 6, next: null })
    expect(second.is_complete).toBe(true)
  })

  it("sees stock that is not the sum of its movements", async () => {
    const { admin, product } = await busy()
    const { runInDurableObject } = await import("cloudflare:test")
    await runInDurableObject(stockObject(product.id), (_, { storage }) => {
      storage.sql.exec("UPDATE stock SET on_hand = on_hand + 1")
    })
    const found = (await verified(admin)).checks.find(({ name }) => name === "stock")!
    expect(found.violations[0]).toEqual({
      subject: product.id,
      detail: `Of ${product.id} 17 are on hand, and its movements come to 16.`,
    })
  })

  it("sees stock that was sold to nobody, and orders that have none", async () => {
    const { admin, product, placed } = await busy()
    const variantId = product.id as string as Id<"variant">
    await stockObject(product.id).settle(product.id, "ord_nobody" as Id<"order">, [
      { variantId, quantity: 1 },
    ])
    const found = (await verified(admin)).checks
    expect(found.find(({ name }) => name === "stock-buyers")!.violations).toEqual([
      { subject: product.id, detail: "Some of it is sold to ord_nobody, which is no order." },
    ])
    await stockObject(product.id).cancel(product.id, placed.id)
    const then = (await verified(admin)).checks
    expect(then.find(({ name }) => name === "stock-orders")!.violations).toEqual([
      {
        subject: placed.id,
        detail: `Of ${product.id} 0 are sold to it, and 2 should be: it is pending.`,
      },
    ])
  })

  it("sees money that is on no payment", async () => {
    const { admin, sent } = await busy()
    const found = await after(
      admin,
      "money",
      "UPDATE orders SET paid_amount = 2000 WHERE id = ?",
      sent.id,
    )
    expect(found).toEqual([
      { subject: sent.id, detail: "It is paid 20.00, and its payments have 0.00." },
    ])
  })

  it("sees gift cards and store credit that nothing was ever put on", async () => {
    const { admin, buyer } = await busy()
    const card = await giftCard()
    await grant(buyer, "5.00")
    expect((await verified(admin)).is_sound).toBe(true)
    const cards = await after(admin, "gift-cards", "UPDATE gift_cards SET balance_amount = 6000")
    expect(cards).toEqual([
      { subject: card.id, detail: "It has 60.00 USD, and its movements come to 50.00 USD." },
    ])
    const sql = "UPDATE store_credits SET balance_amount = 0"
    expect(await after(admin, "store-credit", sql)).toEqual([
      { subject: buyer.id, detail: "It has 0.00 USD, and its movements come to 5.00 USD." },
    ])
  })

  it("sees books that do not say what orders and payments say, and balances that nobody booked", async () => {
    const { admin, sent } = await busy()
    const found = await after(
      admin,
      "ledger-orders",
      "INSERT INTO ledger_transfers (key, debit, credit, amount, currency, reference, created_at) VALUES ('stray', 'cash', 'receivable', 5, 'USD', ?, '2026-01-02T00:00:00.000Z')",
      sent.id,
    )
    expect(found).toEqual([
      { subject: sent.id, detail: "Its books have 19.95 in receivable, and it comes to 20.00." },
      { subject: sent.id, detail: "Its books have 0.05 in cash, and it comes to 0.00." },
    ])
    expect(
      await after(
        admin,
        "ledger",
        "UPDATE ledger_balances SET debit_amount = debit_amount + 1 WHERE period = '2026-01-02' AND account = 'cash'",
      ),
    ).toEqual([
      {
        subject: "2026-01-02 cash USD",
        detail: "It is kept as 0.06 less 0.00, and its transfers come to 0.05 less 0.00.",
      },
      {
        subject: "2026-01-02 USD",
        detail: "Its accounts come to 0.01, and not to nothing.",
      },
      {
        subject: "all cash USD",
        detail: "It is kept as 0.05 less 0.00, and its transfers come to 0.06 less 0.00.",
      },
    ])
  })

  it("sees figures and lists that count what is not there", async () => {
    const { admin, product } = await busy()
    await rows("UPDATE product_sales SET quantity = 9 WHERE product_id = ?", product.id)
    const found = await after(admin, "listings", "UPDATE facets SET active = 7 WHERE id = 1")
    expect(found).toEqual([{ subject: "1", detail: "Everything counts 7 active, and lists 1." }])
    const figures = (await verified(admin)).checks.find(({ name }) => name === "statistics")!
    expect(figures.violations).toEqual([
      { subject: `product ${product.id} USD`, detail: "It is 9 4000, and should be 4 4000." },
    ])
  })

  it("sees amounts that do not add up", async () => {
    const { admin, sent } = await busy()
    const found = await after(
      admin,
      "totals",
      "UPDATE order_lines SET discount_amount = 5 WHERE order_id = ?",
      sent.id,
    )
    expect(found).toEqual([
      { subject: sent.id, detail: "Its discount is 0.00, and its parts come to 0.05." },
    ])
  })

  it("sees history that was rewritten, and steps that were not allowed", async () => {
    const { admin, sent } = await busy()
    const found = await after(
      admin,
      "history",
      `UPDATE order_changes SET "to" = 'delivered' WHERE order_id = ? AND version = 2`,
      sent.id,
    )
    expect(found).toEqual([
      { subject: sent.id, detail: "Its history is not what was written." },
      { subject: sent.id, detail: "It went from pending to delivered." },
    ])
  })

  it("sees a second refresh token that works", async () => {
    const { admin } = await busy()
    const found = await after(
      admin,
      "sessions",
      "INSERT INTO refresh_tokens (hash, session_id, created_at, expires_at, generation) SELECT 'other', session_id, created_at, expires_at, 9 FROM refresh_tokens WHERE used_at IS NULL LIMIT 1",
    )
    expect(found.map(({ detail }) => detail)).toEqual(["2 of its refresh tokens work."])
  })

  it("sees an event that nobody deals with, one that failed for good, and a constraint that is gone", async () => {
    const { admin } = await busy()
    await rows(
      "INSERT INTO outbox (id, event, created_at, next_at) VALUES ('evt_old', '{\"type\":\"catalog.changed\"}', '2020-01-01T00:00:00.000Z', '2020-01-01T00:00:00.000Z')",
    )
    const found = await after(
      admin,
      "events",
      "INSERT INTO dead_letters (event_id, event, created_at) VALUES ('evt_dead', '{}', '2020-01-01')",
    )
    expect(found).toEqual([
      { subject: "evt_old", detail: "It waits since 2020-01-01T00:00:00.000Z." },
      { subject: "evt_dead", detail: "It has failed for good." },
    ])
    expect(await after(admin, "constraints", "DROP INDEX orders_cart")).toEqual([
      {
        subject: "orders_cart",
        detail: "The database does not see to it any more that of one cart there is one order.",
      },
    ])
    await rows("CREATE UNIQUE INDEX orders_cart ON orders (cart_id)")
  })
})
