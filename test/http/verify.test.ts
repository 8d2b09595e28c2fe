import { describe, expect, it } from "vitest"

import type { Id } from "#lib/id.ts"
import { checks } from "#modules/admin/verify.ts"

import { call } from "../support/api.ts"
import { giftCard, grant } from "../support/credit.ts"
import * as make from "../support/make.ts"
import { promotion } from "../support/offers.ts"
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

  it("goes through who bought what, and through figures, from where a stretch ended", async () => {
    const { admin, product, placed } = await busy()
    for (let n = 0; n < 50; n++) await make.product({ stock_quantity: 1 })
    const one = async (name: string, place = "") =>
      (await verified(admin, `?check=${name}&after=${place}`)).checks[0] as never as Record<
        string,
        any
      >
    const first = await one("stock-buyers")
    expect(first).toMatchObject({ checked: 50, violations: [] })
    expect(first["next"]).toMatch(/^prd_\w+\|$/)
    expect(await one("stock-buyers", first["next"])).toMatchObject({ checked: 1, next: null })
    expect(await one("stock-buyers", `${product.id}|${placed.id}`)).toMatchObject({
      checked: 50,
      violations: [],
    })
    await rows("UPDATE product_sales SET quantity = 9")
    const sales = { violations: [{ subject: `product ${product.id} USD` }], next: null }
    expect(await one("statistics", "product:")).toMatchObject(sales)
    expect(await one("statistics", `product:${product.id}`)).toMatchObject({ violations: [] })
    for (let day = 10; day < 22; day++)
      await rows(
        "INSERT INTO payment_stats VALUES (?, 'manual', 'USD', 1, 0, 0, 0, 0, 0, 0, 0, 0)",
        `2020-01-${day}`,
      )
    const days = await one("payment-figures")
    expect(days).toMatchObject({ checked: 10, next: "2020-01-19" })
    expect(days["violations"][0].subject).toBe("2020-01-10 manual USD")
    expect((await one("payment-figures", "2020-01-19"))["violations"]).toHaveLength(2)
    await rows("UPDATE facets SET draft = 3 WHERE id = 1")
    for (const place of ["", "nonsense"])
      expect((await one("listings", place))["violations"]).toEqual([
        { subject: "1", detail: "Everything counts 3 draft, and lists 0." },
      ])
  })

  it("sees orders without lines, and taxes that are not in their prices", async () => {
    const { admin, sent, placed } = await busy()
    await rows(
      "UPDATE orders SET included_tax_amount = 400, shipping_tax_amount = 50 WHERE id = ?",
      placed.id,
    )
    await rows("UPDATE order_lines SET included_tax_amount = 350 WHERE order_id = ?", placed.id)
    expect((await verified(admin, "?check=totals")).is_sound).toBe(true)
    await rows("UPDATE orders SET shipping_tax_amount = 40 WHERE id = ?", placed.id)
    const found = await after(
      admin,
      "totals",
      "DELETE FROM order_lines WHERE order_id = ?",
      sent.id,
    )
    expect(found).toEqual([
      { subject: placed.id, detail: "Its included tax is 4.00, and its parts come to 3.90." },
      { subject: sent.id, detail: "It has no lines." },
      { subject: sent.id, detail: "Its subtotal is 20.00, and its parts come to 0.00." },
    ])
  })

  it("sees payments that are not what orders and refunds say of them", async () => {
    const { admin, staff, placed } = await busy()
    const { id } = placed.payment
    await call("POST", `payments/${id}/mark-paid`, { as: staff })
    await deliverAll()
    expect((await verified(admin, "?check=money")).is_sound).toBe(true)
    expect(
      await after(admin, "money", "UPDATE payments SET refunded_amount = 500 WHERE id = ?", id),
    ).toEqual([
      { subject: placed.id, detail: "It is refunded 0.00, and its payments gave back 5.00." },
      {
        subject: placed.id,
        detail: `${id} gave back 5.00, and its refunds and lost disputes come to 0.00.`,
      },
    ])
    await rows("UPDATE payments SET refunded_amount = 0 WHERE id = ?", id)
    expect(
      await after(admin, "money", "UPDATE payments SET currency = 'EUR' WHERE id = ?", id),
    ).toEqual([{ subject: placed.id, detail: `${id} is in EUR, and the order in USD.` }])
    await rows("UPDATE payments SET currency = 'USD' WHERE id = ?", id)
    expect(
      await after(admin, "money", "UPDATE orders SET status = 'cancelled' WHERE id = ?", placed.id),
    ).toEqual([
      {
        subject: placed.id,
        detail: "It is cancelled, and 20.00 of its money is still here.",
      },
    ])
  })

  it("finds the books right of what was paid by gift card and given back as store credit", async () => {
    const { admin, staff, buyer, product, placed } = await busy()
    await call("POST", `payments/${placed.payment.id}/mark-paid`, { as: staff })
    const back = { order: placed.id, amount: "5.00", reason: "Late", to: "store_credit" }
    expect((await call("POST", "payments/refunds", { as: staff, body: back })).status).toBe(201)
    const { code } = await giftCard()
    const items = [{ product_id: product.id, quantity: 1 }]
    expect((await order(items, buyer, { gift_cards: [code] })).status).toBe(201)
    await deliverAll()
    expect(await verified(admin)).toMatchObject({ is_sound: true })
  })

  it("leaves alone what is under way", async () => {
    const { admin, product, sent } = await busy()
    await rows("UPDATE orders SET paid_amount = 700 WHERE id = ?", sent.id)
    await rows(
      "INSERT INTO ledger_transfers (key, debit, credit, amount, currency, reference, created_at) VALUES ('stray', 'cash', 'receivable', 5, 'USD', ?, '2026-01-02T00:00:00.000Z')",
      sent.id,
    )
    await stockObject(product.id).cancel(product.id, sent.id)
    const names = ["money", "ledger-orders", "stock-orders"]
    const broken = async () => {
      const all = await Promise.all(names.map((name) => verified(admin, `?check=${name}`)))
      return all.map(({ checks: [one] }) => one!.violations.map(({ subject }) => subject))
    }
    expect(await broken()).toEqual([[sent.id], [sent.id, sent.id], [sent.id]])
    await rows(
      "INSERT INTO outbox (id, event, created_at, next_at) VALUES ('evt_open', ?, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')",
      JSON.stringify({ type: "order.paid", orderId: sent.id }),
    )
    expect(await broken()).toEqual([[], [], []])
  })

  it("sees orders whose history is gone, and stock that is held for what is sold", async () => {
    const { admin, product, placed } = await busy()
    const { runInDurableObject } = await import("cloudflare:test")
    await runInDurableObject(stockObject(product.id), (_, { storage }) => {
      const until = Date.now() + 60_000
      storage.sql.exec("INSERT INTO holds VALUES (?, ?, 1, ?)", placed.id, product.id, until)
    })
    expect((await verified(admin, "?check=stock-orders")).checks[0]!.violations).toEqual([
      { subject: placed.id, detail: `It still holds 1 of ${product.id}.` },
    ])
    const gone = "DELETE FROM order_changes WHERE order_id = ?"
    expect(await after(admin, "history", gone, placed.id)).toEqual([
      { subject: placed.id, detail: "Its history is not what was written." },
      { subject: placed.id, detail: "It is pending, and its history ends with nothing." },
    ])
  })

  it("sees promotions that are used more often than they say, or may be", async () => {
    const { admin, buyer, product, placed, cancelled } = await busy()
    const { id } = await promotion({ usage_limit: 1 })
    const items = [{ product_id: product.id, quantity: 1 }]
    expect((await order(items, buyer, { coupon_codes: ["TEN"] })).status).toBe(201)
    await deliverAll()
    expect((await verified(admin, "?check=promotions")).is_sound).toBe(true)
    const use =
      "INSERT INTO promotion_uses (order_id, promotion_id, email, discount_amount, created_at) VALUES (?, ?, 'x@nexus.test', 100, '2026-01-01T00:00:00.000Z')"
    expect(await after(admin, "promotions", use, placed.id, id)).toEqual([
      { subject: id, detail: "It counts 1 uses, and orders have 2." },
      { subject: id, detail: "It is used 2 times, and may be 1 times." },
    ])
    expect(await after(admin, "promotions", use, cancelled.id, id)).toEqual([
      { subject: id, detail: "It counts 1 uses, and orders have 3." },
      { subject: id, detail: "It is used 3 times, and may be 1 times." },
      { subject: id, detail: `${cancelled.id} uses it, and is cancelled or no order.` },
    ])
  })

  it("sees lists that show stock of what nobody ever counted", async () => {
    const { admin } = await busy()
    const { id } = await make.product({ stock_quantity: 0 })
    const sql = "UPDATE variants SET stock_quantity = 3 WHERE id = ?"
    expect(await after(admin, "stock", sql, id)).toEqual([
      { subject: id, detail: `Lists show 3 of ${id}, of which 0 can be bought.` },
    ])
  })
})
