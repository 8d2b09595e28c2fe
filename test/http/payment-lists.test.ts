import { expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { order } from "../support/shop.ts"

it("staff list everybody's payments under /admin, filtered by order, state and provider", async () => {
  const [staff, ada, grace] = [await make.user("staff"), await make.user(), await make.user()]
  const product = await make.product()
  const items = [{ product_id: product.id, quantity: 1 }]
  const first = await order(items, ada, { payment_method: "cod" })
  const second = await order(items, grace)
  const ids = async (query: string) => {
    const { body } = await call("GET", `admin/payments?${query}`, { as: staff })
    return [body.count, body.results.map(({ id }: { id: string }) => id)]
  }
  const [cod, manual] = [first.body.payment.id, second.body.payment.id]
  expect(await ids("")).toEqual([2, [manual, cod]])
  expect(await ids("provider=cod&status=unpaid")).toEqual([1, [cod]])
  expect(await ids(`order=${second.body.order_number}`)).toEqual([1, [manual]])
  expect(await ids("status=paid")).toEqual([0, []])
  expect((await call("GET", "admin/payments", { as: ada })).status).toBe(403)
  expect((await call("GET", "admin/payments")).status).toBe(401)
})
