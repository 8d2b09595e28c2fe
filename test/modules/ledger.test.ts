import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import { stageTransfers } from "#modules/ledger/ledger.ts"
import { commit } from "#platform/commit.ts"

import { call } from "../support/api.ts"
import { booksOf } from "../support/books.ts"
import { ctx } from "../support/ctx.ts"
import { deliver, standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { order, rows, settleAll } from "../support/shop.ts"

const transfer = {
  key: "gift-card:1:sold",
  debit: "cash",
  credit: "gift-cards",
  amount: 5000,
  currency: "USD",
  reference: "gft_1",
} as const

describe("the books", () => {
  it("add up what is booked, by account and day, and book one thing once", async () => {
    const as = ctx()
    await commit(as, stageTransfers(as, [transfer, { ...transfer, key: "2", amount: 700 }]))
    await expect(commit(as, stageTransfers(as, [transfer]))).rejects.toThrow(/UNIQUE/)
    const day = as.now.toISOString().slice(0, 10)
    expect(
      await rows(
        "SELECT period, account, debit_amount AS d, credit_amount AS c FROM ledger_balances ORDER BY 1, 2",
      ),
    ).toEqual([
      { period: day, account: "cash", d: 5700, c: 0 },
      { period: day, account: "gift-cards", d: 0, c: 5700 },
      { period: "all", account: "cash", d: 5700, c: 0 },
      { period: "all", account: "gift-cards", d: 0, c: 5700 },
    ])
  })

  it("cannot be changed or cut", async () => {
    const as = ctx()
    await commit(as, stageTransfers(as, [transfer]))
    for (const sql of ["UPDATE ledger_transfers SET amount = 1", "DELETE FROM ledger_transfers"])
      await expect(env.DB.prepare(sql).run()).rejects.toThrow(/only added to/)
    expect(await rows("SELECT amount FROM ledger_transfers")).toEqual([{ amount: 5000 }])
  })

  it("follow an order from its placing to its refund", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product({ price: "10.00", stock_quantity: 9 })
    const placed = await order([{ product_id: cap.id, quantity: 3 }], customer)
    const { id } = placed.body
    expect(await booksOf(id)).toEqual({ receivable: 3000, sales: -3000 })
    const [payment] = await rows<{ id: string }>("SELECT id FROM payments WHERE reference = ?", id)
    await call("POST", `payments/${payment?.id}/mark-paid`, { as: staff })
    await settleAll()
    expect(await booksOf(id)).toEqual({ cash: 3000, sales: -3000 })
    const back = await call("POST", "payments/refunds", {
      as: staff,
      body: { order: id, amount: "4.00", reason: "Scratched" },
    })
    expect(back.status).toBe(201)
    await settleAll()
    expect(await booksOf(id)).toEqual({ cash: 2600, sales: -2600 })
    await call("POST", `orders/${id}/cancel`, { as: staff })
    await settleAll()
    expect(await booksOf(id)).toEqual({})
  })

  it("follow a fee, and a dispute that is opened, lost, and worth more than is left", async () => {
    const gateway = standUp()
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product({ price: "10.00", stock_quantity: 9 })
    const { body } = await order([{ product_id: cap.id, quantity: 2 }], customer, {
      payment_method: "fake",
    })
    gateway.pay()
    await gateway.send()
    await settleAll()
    await env.DB.prepare("UPDATE payments SET fee_amount = 88").run()
    expect(await booksOf(body.id)).toEqual({ "gateway:fake": 1912, fees: 88, sales: -2000 })
    await call("POST", "payments/refunds", {
      as: staff,
      body: { order: body.id, amount: "5.00", reason: "Late" },
    })
    expect(await booksOf(body.id)).toMatchObject({ "refunds-in-flight": -500 })
    await settleAll()
    expect(await booksOf(body.id)).toEqual({ "gateway:fake": 1412, fees: 88, sales: -1500 })
    const payment = gateway.ledger.payments.get("fp_1")
    const dispute = { id: "dp_1", amount: 2000, currency: "USD", reason: "fraudulent" }
    const tell = (id: string, status: string) =>
      deliver({ id, type: `dispute.${status}`, payment, dispute: { ...dispute, status } })
    await tell("ev_o", "open")
    await settleAll()
    expect(await booksOf(body.id)).toMatchObject({ "gateway:fake": -588, disputes: 2000 })
    await tell("ev_l", "lost")
    await settleAll()
    // 15.00 of it count as refunded, 5.00 were refunded before and are lost.
    expect(await booksOf(body.id)).toEqual({ "gateway:fake": -588, fees: 88, "write-offs": 500 })
    const analytics = await call("GET", "admin/payments/analytics?provider=fake", { as: staff })
    expect(analytics.body.totals).toEqual([
      {
        currency: "USD",
        payments: 1,
        succeeded: 1,
        failed: 0,
        success_rate: 1,
        volume: "20.00",
        refunds: 1,
        refunded: "5.00",
        fees: "0.88",
        disputed: "0.00",
        lost: "20.00",
        net: "-5.88",
      },
    ])
    expect(await broken()).toEqual([])
  })

  it.each([
    ["all", "20.00", 2000],
    ["a part", "6.00", 2000],
    ["a part, and so does the bank", "6.00", 1500],
  ])("follow a refund of %s that fails after a bank took the money", async (_, amount, taken) => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    const gateway = standUp({ payAtOnce: true, pendingRefunds: true })
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product({ price: "10.00", stock_quantity: 9 })
    const { body } = await order([{ product_id: cap.id, quantity: 2 }], customer, {
      payment_method: "fake",
    })
    await settleAll()
    await call("POST", "payments/refunds", {
      as: staff,
      body: { order: body.id, amount, reason: "Late" },
    })
    await settleAll()
    const dispute = { id: "dp_1", amount: taken, currency: "USD", reason: "fraudulent" }
    const payment = gateway.ledger.payments.get("fp_1")
    await deliver({
      id: "ev_l",
      type: "dispute.lost",
      payment,
      dispute: { ...dispute, status: "lost" },
    })
    await settleAll()
    expect(await broken()).toEqual([])
    gateway.events.splice(0)
    await gateway.send(gateway.ledger.settleRefunds("failed"))
    await settleAll()
    expect(await rows("SELECT refunded_amount FROM payments")).toEqual([{ refunded_amount: taken }])
    expect(await booksOf(body.id)).toEqual(
      taken === 2000 ? {} : { "gateway:fake": 500, sales: -500 },
    )
    expect(await broken()).toEqual([])
  })

  it("can be read by account and by order number, page by page", async () => {
    const [customer, staff] = [await make.user(), await make.user("staff")]
    const cap = await make.product({ price: "10.00", stock_quantity: 9 })
    const { body } = await order([{ product_id: cap.id, quantity: 1 }], customer)
    await order([{ product_id: cap.id, quantity: 1 }], customer)
    const read = async (query: string) =>
      (await call("GET", `admin/ledger/transfers?${query}`, { as: staff })).body
    const own = { debit: "receivable", credit: "sales", amount: "10.00", reference: body.id }
    expect((await read(`reference=${body.order_number}`)).results).toMatchObject([own])
    expect((await read(`reference=${body.id}&account=cash`)).results).toEqual([])
    const first = await read("account=sales&limit=1")
    expect(first).toMatchObject({ count: 2, results: [{ credit: "sales" }] })
    const second = await read(`account=sales&limit=1&cursor=${first.next_cursor}`)
    expect(second).toMatchObject({ next_cursor: null, results: [own] })
    const balances = await call("GET", "admin/ledger", { as: staff })
    expect(balances.body).toMatchObject({
      is_balanced: true,
      results: [
        { account: "receivable", balance: "20.00" },
        { account: "sales", balance: "-20.00" },
      ],
    })
  })

  it("of a shop that had none are what its orders say, once they are there", async () => {
    const staff = await make.user("staff")
    const cap = await make.product({ price: "10.00", stock_quantity: 9 })
    const { body } = await order([{ product_id: cap.id, quantity: 2 }], await make.user())
    const [payment] = await rows<{ id: string }>("SELECT id FROM payments")
    await call("POST", `payments/${payment?.id}/mark-paid`, { as: staff })
    await call("POST", "payments/refunds", {
      as: staff,
      body: { order: body.id, amount: "5.00", reason: "Late" },
    })
    await settleAll()
    const before = await booksOf(body.id)
    await rows("DROP TRIGGER ledger_transfers_stay")
    await rows("DELETE FROM ledger_transfers")
    await rows("DELETE FROM ledger_balances")
    await rows("DELETE FROM payment_stats")
    for (const { queries } of env.MIGRATIONS)
      for (const query of queries)
        if (/^(--.*\s+)*INSERT INTO (ledger_claims|payment_stats)/.test(query.trim()))
          await env.DB.prepare(query).run()
    expect(await booksOf(body.id)).toEqual(before)
    const keeper = env.MIGRATIONS.flatMap(({ queries }) => queries).find((query) =>
      query.includes("CREATE TRIGGER `ledger_transfers_stay`"),
    )
    await rows(keeper ?? "")
    expect(await broken()).toEqual([])
    expect(before).toEqual({ cash: 1500, sales: -1500 })
  })
})

/** What `verify` finds wrong, by check. */
async function broken() {
  const { body } = await call("GET", "admin/verify", { as: await make.user("admin") })
  return (body.checks as { name: string; violations: unknown[] }[])
    .filter(({ violations }) => violations.length > 0)
    .map(({ name, violations }) => [name, violations])
}
