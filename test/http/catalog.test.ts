import { expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"

it("shows a product by id and by slug", async () => {
  const made = await make.product({ name: "Premium Laptop", price: "1299.99" })
  const byId = await call("GET", `products/${made.id}`)
  const bySlug = await call("GET", "products/premium-laptop")
  expect(byId).toMatchObject({
    status: 200,
    body: { price: "1299.99", stock_quantity: 5, is_in_stock: true },
  })
  expect(bySlug.body.id).toBe(made.id)
})
