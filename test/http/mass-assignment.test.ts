import { env } from "cloudflare:workers"
import { expect, it } from "vitest"

import * as make from "../support/make.ts"
import { exampleOf, filled, operations, send } from "../support/wire.ts"

/** api.md 1.9: never from a client. */
const never = {
  id: "usr_mine",
  role: "admin",
  is_staff: true,
  is_superuser: true,
  is_active: false,
  is_verified: true,
  user: "usr_mine",
  user_id: "usr_mine",
  total: "0.01",
  total_amount: "0.01",
  subtotal: "0.01",
  discount: "9.99",
  tax: "-1.00",
  unit_price: "0.01",
  price: "0.01",
  status: "delivered",
  payment_status: "paid",
  paid_at: "2020-01-01T00:00:00.000Z",
  created_at: "2020-01-01T00:00:00.000Z",
  mfa_enabled: true,
  email_verified: true,
}

it("whatever a customer adds to whatever they send, nothing of theirs becomes what is not theirs to say", async () => {
  const product = await make.product({ name: "Rake", price: "10.00", stock_quantity: 50 })
  const item = { product_id: product.id, quantity: 1, ...never }
  const changes = (await operations()).filter(
    ({ method, spec }) => method !== "GET" && ["open", "public", "user"].includes(spec["x-access"]),
  )
  const sent: string[] = []
  for (const operation of changes) {
    const customer = await make.user()
    const media = operation.spec.requestBody?.content["application/json"]
    const example = media ? await exampleOf(media.schema) : {}
    const body = {
      ...example,
      ...never,
      ...(example?.items && { items: [item] }),
      ...(example?.product_id && { product_id: product.id }),
    }
    const answer = await send(operation.method, filled(operation), { as: customer, body })
    expect([operation.id, answer.status < 500]).toEqual([operation.id, true])
    sent.push(operation.id)
  }
  expect(sent).toEqual(
    expect.arrayContaining(["register", "updateMe", "placeOrder", "addCartItem", "createAddress"]),
  )

  const rows = async (sql: string) => (await env.DB.prepare(sql).all()).results
  // Accounts that were erased on the way are closed by their owners' wish.
  expect(
    await rows(
      "SELECT id FROM users WHERE role <> 'customer' OR is_verified = 1 OR id = 'usr_mine' OR mfa_enabled_at IS NOT NULL OR created_at < '2021'",
    ),
  ).toEqual([])
  expect(
    await rows("SELECT id FROM users WHERE is_active = 0 AND email NOT LIKE 'erased-%'"),
  ).toEqual([])
  const orders = await rows(
    "SELECT status, payment_status, subtotal_amount, total_amount, paid_at, created_at < '2021' AS backdated FROM orders",
  )
  expect(orders).toEqual([
    {
      status: "pending",
      payment_status: "unpaid",
      subtotal_amount: 1000,
      total_amount: 1000,
      paid_at: null,
      backdated: 0,
    },
  ])
  expect(await rows("SELECT unit_amount FROM order_lines")).toEqual([{ unit_amount: 1000 }])
  expect(
    await rows(
      "SELECT DISTINCT user_id FROM addresses WHERE user_id = 'usr_mine' OR id = 'usr_mine'",
    ),
  ).toEqual([])
  expect(await rows("SELECT price_amount, status FROM products")).toEqual([
    { price_amount: 1000, status: "active" },
  ])
})
