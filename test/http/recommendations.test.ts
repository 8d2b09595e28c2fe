import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, it } from "vitest"

import { type Answer, call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { move, order } from "../support/shop.ts"

type Account = Awaited<ReturnType<typeof make.user>>
let staff: Account
let ada: Account

beforeEach(async () => {
  staff = await make.user("staff")
  ada = await make.user()
})

const namesOf = ({ body }: Answer) => (body.results as { name: string }[]).map(({ name }) => name)
const recommended = async (as: Account, query = "") =>
  namesOf(await call("GET", `recommendations${query}`, { as }))

async function buy(as: Account, ...products: { id: string }[]): Promise<string> {
  const items = products.map(({ id }) => ({ product_id: id, quantity: 1 }))
  const { status, body } = await order(items, as)
  expect(status).toBe(201)
  return body.id as string
}

const rate = (id: string, rating: number) =>
  env.DB.prepare("UPDATE products SET average_rating = ? WHERE id = ?").bind(rating, id).run()

describe("recommendations", () => {
  it("begin with what others bought together with it, in orders that went through", async () => {
    const lamp = await make.product({ name: "Lamp", brand: "Lumen", stock_quantity: 20 })
    const bulb = await make.product({ name: "Bulb" })
    const cable = await make.product({ name: "Cable" })
    const torch = await make.product({ name: "Torch", brand: "Lumen" })
    const [bob, eve] = [await make.user(), await make.user()]
    await buy(ada, lamp)
    for (const somebody of [bob, eve])
      await move(await buy(somebody, lamp, bulb), staff, "confirmed")
    await move(await buy(bob, lamp, cable), staff, "confirmed")
    // Eve could recommend her own goods for nothing, were an order enough that nobody has confirmed.
    for (let n = 0; n < 3; n++) await buy(eve, lamp, torch)
    await rate(torch.id, 5)
    // Bulb: two orders, 8. Cable: one, 4. Torch: of the brand, 3.
    expect(await recommended(ada)).toEqual(["Bulb", "Cable", "Torch"])
  })

  it("are like what was bought, wished for and put in the cart, and none of it", async () => {
    const category = await make.category({ name: "Lamps" })
    const lamp = await make.product({ name: "Lamp", brand: "Lumen" })
    const shade = await make.product({ name: "Shade", category: category.id })
    const candle = await make.product({ name: "Candle", tags: ["wax"] })
    await make.product({ name: "Pan" })
    await make.product({ name: "Match", tags: ["wax"] })
    await make.product({ name: "Chandelier", category: category.id, brand: "Lumen" })
    await buy(ada, lamp)
    await call("POST", "wishlist/items", { as: ada, body: { product_id: shade.id } })
    await call("POST", "cart/items", { as: ada, body: { product_id: candle.id } })
    expect(await recommended(ada)).toEqual(["Chandelier", "Match", "Pan"])
    // What one account did says nothing of another.
    expect(await recommended(await make.user())).toContain("Lamp")
  })

  it("have nothing that cannot be bought", async () => {
    const lamp = await make.product({ name: "Lamp", brand: "Lumen" })
    await make.product({ name: "Sold out", brand: "Lumen", stock_quantity: 0 })
    await make.product({ name: "Hidden", brand: "Lumen", status: "draft" })
    const bulb = await make.product({ name: "Bulb", brand: "Lumen" })
    const bob = await make.user()
    await move(await buy(bob, lamp, bulb), staff, "confirmed")
    await call("POST", "wishlist/items", { as: ada, body: { product_id: lamp.id } })
    expect(await recommended(ada)).toEqual(["Bulb"])
    await call("DELETE", `products/${bulb.id}`, { as: staff })
    expect(await recommended(ada)).toEqual([])
  })

  it("are the featured and the best rated of the shop for whoever nothing is known of", async () => {
    const fine = await make.product({ name: "Fine" })
    const best = await make.product({ name: "Best" })
    await make.product({ name: "Shown", is_featured: true })
    await rate(fine.id, 3)
    await rate(best.id, 4.5)
    expect(await recommended(ada)).toEqual(["Shown", "Best", "Fine"])
    const id = await buy(ada, best)
    expect(await recommended(ada)).toEqual(["Shown", "Fine"])
    // A cancelled order was no purchase.
    await call("POST", `orders/${id}/cancel`, { as: ada })
    expect(await recommended(ada)).toEqual(["Shown", "Best", "Fine"])
  })

  it("are for one's own eyes, in pages, and in the currency asked for", async () => {
    for (const name of ["One", "Two", "Three"]) await make.product({ name })
    const guest = await call("GET", "recommendations")
    expect([guest.status, guest.body.code]).toEqual([401, "unauthenticated"])
    const page = await call("GET", "recommendations?page_size=2", { as: ada })
    expect(page.headers.get("cache-control")).toBe("private, no-store")
    expect(page.body).toMatchObject({ count: 3, results: { length: 2 } })
    expect(page.body.next).toContain("page=2")
    const rest = await call("GET", `recommendations?page_size=2&page=2`, { as: ada })
    expect([...namesOf(page), ...namesOf(rest)].toSorted()).toEqual(["One", "Three", "Two"])
    expect((await call("GET", "recommendations?page=9", { as: ada })).status).toBe(404)
    expect((await call("GET", "recommendations?currency=XXX", { as: ada })).status).toBe(400)
  })
})
