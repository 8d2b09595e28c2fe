import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { stageTransfers } from "#modules/ledger/ledger.ts"
import { commit } from "#platform/commit.ts"

import { call } from "../support/api.ts"
import { booksOf } from "../support/books.ts"
import { ctx } from "../support/ctx.ts"
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
})
