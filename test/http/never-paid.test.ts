import { expect, it } from "vitest"

import { type Answer, call } from "../support/api.ts"
import { standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { order, rows, settleAll } from "../support/shop.ts"
import { exampleOf, filled, type Operation, operations, send } from "../support/wire.ts"

/** What somebody would say to have an order count as paid. */
const lies = {
  status: "paid",
  payment_status: "paid",
  paid: true,
  is_paid: true,
  paid_amount: "99.00",
  paid_at: "2026-01-01T00:00:00.000Z",
  captured: "99.00",
  captured_amount: 9900,
  amount_due: "0.00",
  amount: "0.01",
  refunded: "0.00",
  refunded_amount: "0.00",
  total: "0.00",
  total_amount: "0.00",
  provider_status: "succeeded",
  transaction_id: "txn_mine",
  gateway_ref: "txn_mine",
  capture: "automatic",
  payments: [{ provider: "manual", status: "paid", captured: "99.00" }],
  payment: { status: "paid", captured: "99.00" },
  type: "payment_intent.succeeded",
  data: { object: { status: "succeeded", amount_received: 9900 } },
}
const query = new URLSearchParams(
  Object.entries(lies).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
).toString()

/** Who tries, and how their order is to be paid; `nobody` holds no token. What is for staff is tried once. */
const callers = [
  ["customer", "manual"],
  ["customer", "fake"],
  ["guest", "fake"],
  ["nobody", "manual"],
] as const

/** What a path, query or body of an operation names is this order, its payment or one of its lines. */
type Own = { order: string; number: string; payment: string; line: string; product: string }

const idOf = (own: Own): Record<string, string> => ({
  order: own.order,
  payment: own.payment,
  line: own.line,
  order_number: own.number,
  product: own.product,
  product_id: own.product,
})

function pathOf(operation: Operation, own: Own): string {
  const given = idOf(own)
  const named = operation.path.replace(/\{(\w+)\}/g, (whole, name: string) => given[name] ?? whole)
  return filled({ ...operation, path: named })
}

it("nothing that a customer, a guest or anybody sends makes an order paid, by any route there is", async () => {
  standUp()
  const product = await make.product({ price: "9.90", stock_quantity: 100_000 })
  const items = [{ product_id: product.id, quantity: 1 }]
  const changing = (await operations()).filter(({ method }) => method !== "GET")
  const asked: string[] = []
  for (const operation of changing) {
    const isForStaff = ["staff", "admin"].includes(operation.spec["x-access"])
    for (const [who, method] of callers.slice(0, isForStaff ? 1 : callers.length)) {
      const customer = await make.user()
      const isGuest = who !== "customer"
      const placed = await order(items, isGuest ? undefined : customer, { payment_method: method })
      expect(placed.status).toBe(201)
      const [payment] = await rows<{ id: string }>(
        "SELECT id FROM payments WHERE reference = ?",
        placed.body.id,
      )
      const own: Own = {
        order: placed.body.id,
        number: placed.body.order_number,
        payment: payment!.id,
        line: placed.body.items[0].id,
        product: product.id,
      }
      const media = operation.spec.requestBody?.content["application/json"]
      const example = media ? ((await exampleOf(media.schema)) ?? {}) : undefined
      const given = idOf(own)
      const named = Object.fromEntries(
        Object.keys(example ?? {}).flatMap((key) => (given[key] ? [[key, given[key]]] : [])),
      )
      const answers: Answer[] = []
      for (const body of [
        { ...lies, ...example, ...named },
        { ...example, ...named, ...lies },
      ])
        answers.push(
          await send(operation.method, `${pathOf(operation, own)}?${query}`, {
            ...(who === "customer" && { as: customer }),
            ...(who === "guest" && {
              headers: { "x-order-token": placed.body.access_token as string },
            }),
            ...(media && { body }),
          }),
        )
      expect([operation.id, answers.every(({ status }) => status < 500)]).toEqual([
        operation.id,
        true,
      ])
    }
    asked.push(operation.id)
  }
  await settleAll()
  const found = await rows<Record<string, unknown>>(
    "SELECT id FROM orders WHERE total_amount > 0 AND (payment_status NOT IN ('unpaid', 'voided') OR paid_amount <> 0 OR paid_at IS NOT NULL)",
  )
  expect(found).toEqual([])
  expect(
    await rows("SELECT id FROM payments WHERE captured_amount <> 0 OR status = 'paid'"),
  ).toEqual([])
  expect(
    await rows("SELECT key FROM ledger_transfers WHERE debit LIKE 'gateway:%' OR debit = 'cash'"),
  ).toEqual([])
  expect(asked).toEqual(
    expect.arrayContaining(["placeOrder", "cancelOrder", "markPaid", "receivePaymentWebhook"]),
  )
  // It could see it: staff can say so, of an invoice.
  const staff = await make.user("staff")
  const { body } = await order(items, await make.user())
  const [invoice] = await rows<{ id: string }>(
    "SELECT id FROM payments WHERE reference = ?",
    body.id,
  )
  await call("POST", `payments/${invoice!.id}/mark-paid`, { as: staff })
  await settleAll()
  expect(await rows("SELECT payment_status FROM orders WHERE id = ?", body.id)).toEqual([
    { payment_status: "paid" },
  ])
}, 240_000)
