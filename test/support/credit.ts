import { expect } from "vitest"

import { type Answer, call } from "./api.ts"
import * as make from "./make.ts"
import { rows } from "./shop.ts"

type Signed = { access: string }

/** A gift card of 50.00, unless said otherwise, with its code. */
export async function giftCard(
  over: Record<string, unknown> = {},
): Promise<{ id: string; code: string; last4: string; version: number }> {
  const answer = await call("POST", "admin/gift-cards", {
    as: await make.user("staff"),
    body: { amount: "50.00", ...over },
  })
  expect(answer.status).toBe(201)
  return answer.body
}

/** Gives an account store credit. */
export async function grant(user: { id: string }, delta: string, currency?: string) {
  const answer = await call("POST", `admin/users/${user.id}/store-credit/adjust`, {
    as: await make.user("staff"),
    body: { delta, reason: "Sorry", ...(currency && { currency }) },
  })
  expect(answer.status).toBe(200)
}

/** What a gift card has left, as the wire says it. */
export async function left(code: string): Promise<string> {
  return (await call("POST", "gift-cards/balance", { body: { code } })).body.balance
}

/** What an account has of the shop's currency, as the wire says it. */
export async function creditOf(as: Signed): Promise<string> {
  const { body } = await call("GET", "users/me/store-credit", { as })
  return body.balances[0]?.balance ?? "none"
}

/** Pays an order, or a part of it, once more. */
export function pay(order: string, body: Record<string, unknown>, as?: Signed): Promise<Answer> {
  return call("POST", "payments", { as, body: { order, ...body } })
}

/** The payments of an order as they lie in the database, the oldest first. */
export function paymentsOf(order: string) {
  return rows(
    "SELECT provider, status, amount, captured_amount AS captured, refunded_amount AS refunded FROM payments WHERE reference = ? ORDER BY created_at, id",
    order,
  )
}

/** That every balance is the sum of its movements, and that the books balance. */
export async function expectSound(): Promise<void> {
  expect(
    await rows(
      "SELECT id FROM gift_cards c WHERE balance_amount <> (SELECT coalesce(sum(amount), 0) FROM credit_entries WHERE gift_card_id = c.id)",
    ),
  ).toEqual([])
  expect(
    await rows(
      "SELECT user_id FROM store_credits c WHERE balance_amount <> (SELECT coalesce(sum(amount), 0) FROM credit_entries e WHERE e.user_id = c.user_id AND e.currency = c.currency)",
    ),
  ).toEqual([])
  const owed = `SELECT coalesce(sum(CASE WHEN credit = ? THEN amount ELSE -amount END), 0) AS n FROM ledger_transfers WHERE ? IN (debit, credit)`
  const [cards] = await rows("SELECT coalesce(sum(balance_amount), 0) AS n FROM gift_cards")
  expect(await rows(owed, "gift-cards", "gift-cards")).toEqual([cards])
  const [accounts] = await rows("SELECT coalesce(sum(balance_amount), 0) AS n FROM store_credits")
  expect(await rows(owed, "store-credit", "store-credit")).toEqual([accounts])
}
