import { describe, expect, it } from "vitest"

import { sha256 } from "#lib/secret.ts"
import * as carts from "#modules/cart/cart.ts"

import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { countOf, reasonsOf, rows } from "../support/shop.ts"

type Buyer = Awaited<ReturnType<typeof make.user>>
const add = (as: Buyer, product_id: string, quantity = 1) =>
  carts.addItem(ctx({ as }), { product_id, quantity })

describe("many at once", () => {
  it("fifty who add one make fifty, in one line of one cart", async () => {
    const [as, product] = [await make.user(), await make.product({ stock_quantity: 60 })]
    const results = await Promise.all(Array.from({ length: 50 }, () => add(as, product.id)))
    expect(new Set(results.map(({ item_id }) => item_id)).size).toBe(1)
    expect(await rows("SELECT quantity FROM cart_lines")).toEqual([{ quantity: 50 }])
    expect(await countOf("carts")).toBe(1)
  })

  it("twenty first things of a guest are in one cart", async () => {
    const product = await make.product({ stock_quantity: 60 })
    const cartTokenHash = await sha256("token")
    await Promise.all(
      Array.from({ length: 20 }, () =>
        carts.addItem(ctx({ as: { type: "guest", cartTokenHash } }), {
          product_id: product.id,
          quantity: 1,
        }),
      ),
    )
    expect(await rows("SELECT quantity FROM cart_lines")).toEqual([{ quantity: 20 }])
    expect(await countOf("carts")).toBe(1)
  })

  it("never put more in than there is", async () => {
    const [as, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => add(as, product.id)))
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(5)
    const short = { code: "out-of-stock", details: { available: 5 } }
    expect(reasonsOf(results)).toMatchObject(Array.from({ length: 7 }, () => short))
    expect(await rows("SELECT quantity FROM cart_lines")).toEqual([{ quantity: 5 }])
  })

  it("steps up and down are all taken", async () => {
    const [as, product] = [await make.user(), await make.product({ stock_quantity: 99 })]
    const { item_id } = await add(as, product.id, 20)
    const step = (change: number) => carts.updateItem(ctx({ as }), item_id ?? "", { change })
    await Promise.all([
      ...Array.from({ length: 15 }, () => step(1)),
      ...Array.from({ length: 10 }, () => step(-1)),
    ])
    expect(await rows("SELECT quantity FROM cart_lines")).toEqual([{ quantity: 25 }])
  })
})

describe("the limits of a cart", () => {
  it("are 999 of one thing", async () => {
    const [as, product] = [await make.user(), await make.product({ stock_quantity: 5000 })]
    const { item_id } = await add(as, product.id, 999)
    await expect(add(as, product.id, 1)).rejects.toMatchObject({ code: "cart-full" })
    await expect(carts.updateItem(ctx({ as }), item_id ?? "", { change: 1 })).rejects.toMatchObject(
      { code: "cart-full" },
    )
    expect(await rows("SELECT quantity FROM cart_lines")).toEqual([{ quantity: 999 }])
  })

  it("are a hundred lines, of which each may still grow", async () => {
    const as = await make.user()
    const options = [{ name: "No", values: Array.from({ length: 100 }, (_, n) => String(n)) }]
    const many = await make.product({
      options,
      variants: Array.from({ length: 100 }, (_, n) => ({
        options: { No: String(n) },
        stock_quantity: 9,
      })),
    })
    for (const { id } of many.variants)
      await carts.addItem(ctx({ as }), { variant_id: id, quantity: 1 })
    expect(await countOf("cart_lines")).toBe(100)
    const other = await make.product()
    await expect(add(as, other.id)).rejects.toMatchObject({ code: "cart-full" })
    const grown = await carts.addItem(ctx({ as }), {
      variant_id: many.variants[0]!.id,
      quantity: 2,
    })
    expect(grown.total_items).toBe(102)
    await carts.removeItem(ctx({ as }), grown.items[5]!.id)
    expect((await add(as, other.id)).items).toHaveLength(100)
  })
})

describe("a change that is refused", () => {
  it("leaves the cart as it was", async () => {
    const [as, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
    const { item_id } = await add(as, product.id, 3)
    await expect(
      carts.updateItem(ctx({ as }), item_id ?? "", { quantity: 6 }),
    ).rejects.toMatchObject({ code: "out-of-stock", details: { available: 5 } })
    await expect(add(as, product.id, 3)).rejects.toMatchObject({ code: "out-of-stock" })
    expect(await rows("SELECT quantity FROM cart_lines")).toEqual([{ quantity: 3 }])
  })
})

describe("what it costs", () => {
  it("adding is three round trips to the database, reading is two, of which one is for prices", async () => {
    const [as, product] = [await make.user(), await make.product()]
    const adding = ctx({ as })
    await carts.addItem(adding, { product_id: product.id, quantity: 1 })
    await adding.settled()
    expect(adding.meter.d1Queries).toBe(3)
    const reading = ctx({ as })
    await carts.get(reading)
    expect(reading.meter.d1Queries).toBe(2)
    const stranger = ctx({ as: { type: "guest" } })
    await carts.get(stranger)
    expect(stranger.meter.d1Queries).toBe(0)
  })
})
