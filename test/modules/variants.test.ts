import { describe, expect, it } from "vitest"

import * as variants from "#modules/catalog/variants.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { fieldsOf, order, rows, stockObject, stockOf } from "../support/shop.ts"

const sizes = [{ name: "Size", values: ["S", "M", "L"] }]

/** A shirt in S (2 left) and M (4 left, dearer). */
function shirt(over: Record<string, unknown> = {}) {
  return make.product({
    name: "Shirt",
    price: "20.00",
    options: sizes,
    variants: [
      { sku: "TEE-S", options: { Size: "S" }, stock_quantity: 2 },
      { sku: "TEE-M", options: { Size: "M" }, stock_quantity: 4, price: "25.00" },
    ],
    ...over,
  })
}

describe("a product in variants", () => {
  it("shows each with its own price or the product's, and the sum of their stock", async () => {
    const made = await shirt()
    const shown = await call("GET", "products/shirt")
    expect(shown.body).toMatchObject({
      price: "20.00",
      stock_quantity: 6,
      options: sizes,
      variants: [
        { sku: "TEE-S", options: { Size: "S" }, price: "20.00", stock_quantity: 2 },
        { sku: "TEE-M", options: { Size: "M" }, price: "25.00", stock_quantity: 4 },
      ],
    })
    expect(await stockOf(made.id, made.variants[1]?.id)).toEqual({
      onHand: 4,
      held: 0,
      available: 4,
    })
    expect((await call("GET", "products/shirt/availability")).body).toEqual({
      product_id: made.id,
      available: 6,
      variants: [
        {
          variant_id: made.variants[0]?.id,
          sku: "TEE-S",
          available: 2,
          is_tracked: true,
          is_backorder: false,
        },
        {
          variant_id: made.variants[1]?.id,
          sku: "TEE-M",
          available: 4,
          is_tracked: true,
          is_backorder: false,
        },
      ],
    })
  })

  it("keeps its options while it has variants", async () => {
    const made = await shirt()
    const staff = await make.user("staff")
    const change = { as: staff, body: { options: [] } }
    const refused = await call("PATCH", "products/shirt", change)
    expect([refused.status, fieldsOf(refused)]).toEqual([400, ["options"]])
    for (const { id } of made.variants)
      await call("DELETE", `products/shirt/variants/${id}`, { as: staff })
    const plain = await call("PATCH", "products/shirt", change)
    expect(plain).toMatchObject({ status: 200, body: { options: [], variants: [] } })
  })

  it("refuses variants that do not fit its options, each by its place", async () => {
    const staff = await make.user("staff")
    const refused = await call("POST", "products", {
      as: staff,
      body: {
        name: "X",
        price: "1",
        options: sizes,
        variants: [
          { options: { Size: "XXL" } },
          { options: { Size: "S" } },
          { options: { Size: "S" } },
          { options: {} },
          { options: { Size: "M", Colour: "red" } },
          { options: { Size: "L" }, price: "1.234" },
        ],
      },
    })
    expect(refused.status).toBe(400)
    expect(fieldsOf(refused)).toEqual([
      "variants.0.options",
      "variants.2.options",
      "variants.3.options",
      "variants.4.options",
      "variants.5.price",
    ])
    const none = await call("POST", "products", {
      as: staff,
      body: { name: "X", price: "1", variants: [{ options: { Size: "S" } }] },
    })
    expect(fieldsOf(none)).toEqual(["options"])
  })

  it("refuses one SKU for two of its variants, and makes nothing", async () => {
    const staff = await make.user("staff")
    const refused = await call("POST", "products", {
      as: staff,
      body: {
        name: "X",
        price: "1",
        options: sizes,
        variants: [
          { sku: "SAME", options: { Size: "S" } },
          { sku: "SAME", options: { Size: "M" } },
        ],
      },
    })
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-input" } })
    expect((await call("GET", "products")).body.count).toBe(0)
  })
})

describe("variants over HTTP", () => {
  it("are listed and opened, by id or SKU, by anybody", async () => {
    const made = await shirt()
    const listed = await call("GET", `products/${made.id}/variants`)
    expect(listed.body).toEqual(made.variants)
    for (const ref of [made.variants[0]?.id, "TEE-S"])
      expect((await call("GET", `products/shirt/variants/${ref}`)).body).toEqual(made.variants[0])
    expect((await call("GET", "products/shirt/variants/nope")).status).toBe(404)
    expect((await call("GET", "products/nope/variants")).status).toBe(404)
    const plain = await make.product()
    expect((await call("GET", `products/${plain.id}/variants`)).body).toEqual([])
  })

  it("are added with stock that can be bought at once", async () => {
    const staff = await make.user("staff")
    const product = await shirt()
    const made = await call("POST", "products/shirt/variants", {
      as: staff,
      body: { sku: "TEE-L", options: { Size: "L" }, quantity: 3 },
    })
    expect(made).toMatchObject({
      status: 201,
      body: { sku: "TEE-L", price: "20.00", stock_quantity: 3, is_in_stock: true },
    })
    expect((await call("GET", "products/shirt")).body).toMatchObject({ stock_quantity: 9 })
    const bought = await order([{ sku: "TEE-L", quantity: 3 }])
    expect(bought.status).toBe(201)
    expect((await stockOf(product.id, made.body.id)).onHand).toBe(0)
  })

  it("refuse what does not fit, or is there already", async () => {
    const staff = await make.user("staff")
    await shirt()
    const add = (body: unknown) => call("POST", "products/shirt/variants", { as: staff, body })
    expect(fieldsOf(await add({ options: { Size: "S" } }))).toEqual(["options"])
    expect(fieldsOf(await add({ options: { Size: "XL" } }))).toEqual(["options"])
    expect(fieldsOf(await add({}))).toEqual(["options"])
    expect(fieldsOf(await add({ options: { Size: "L" }, sku: "TEE-S" }))).toEqual(["sku"])
    expect(fieldsOf(await add({ options: { Size: "L" }, price: "0", stock: -1 }))).toEqual([
      "price",
      "stock_quantity",
    ])
    const plain = await make.product()
    const refused = await call("POST", `products/${plain.id}/variants`, {
      as: staff,
      body: { options: { Size: "S" } },
    })
    expect(fieldsOf(refused)).toEqual(["options"])
    expect((await call("GET", "products/shirt/variants")).body).toHaveLength(2)
  })

  it("are changed in what is said, and keep the rest", async () => {
    const staff = await make.user("staff")
    const product = await shirt()
    const change = (method: string, body: unknown) =>
      call(method, "products/shirt/variants/TEE-S", { as: staff, body })
    expect((await change("PATCH", { price: "22.50" })).body).toMatchObject({
      sku: "TEE-S",
      price: "22.50",
      stock_quantity: 2,
    })
    expect((await change("PUT", { stock_quantity: 8 })).body).toMatchObject({
      price: "22.50",
      stock_quantity: 8,
    })
    expect((await call("GET", "products/shirt")).body).toMatchObject({
      stock_quantity: 12,
      variants: [{ stock_quantity: 8 }, { stock_quantity: 4 }],
    })
    expect((await stockOf(product.id, product.variants[0]?.id)).onHand).toBe(8)
    expect((await change("PATCH", { price: null })).body.price).toBe("20.00")
    expect(fieldsOf(await change("PATCH", { options: { Size: "M" } }))).toEqual(["options"])
    expect((await change("PATCH", { options: { Size: "L" } })).body.options).toEqual({ Size: "L" })
    expect((await change("PATCH", { sku: "TEE-S2" })).body.sku).toBe("TEE-S2")
  })

  it("keep their stock when the rest of a change is refused", async () => {
    const staff = await make.user("staff")
    const product = await shirt()
    const refused = await call("PATCH", "products/shirt/variants/TEE-S", {
      as: staff,
      body: { sku: "TEE-M", stock_quantity: 99 },
    })
    expect(refused.status).toBe(400)
    expect(fieldsOf(refused)).toEqual(["sku"])
    expect((await stockOf(product.id, product.variants[0]?.id)).onHand).toBe(2)
  })

  it("that are removed cannot be bought, count no more, and free their SKU", async () => {
    const staff = await make.user("staff")
    const customer = await make.user()
    const product = await shirt()
    const placed = await order([{ sku: "TEE-S", quantity: 1 }], customer)
    expect((await call("DELETE", "products/shirt/variants/TEE-S", { as: staff })).status).toBe(204)
    expect((await call("GET", "products/shirt")).body).toMatchObject({
      stock_quantity: 4,
      variants: [{ sku: "TEE-M" }],
    })
    expect((await call("GET", "products/shirt/availability")).body.available).toBe(4)
    const refused = await order([{ variant_id: product.variants[0]?.id, quantity: 1 }], customer)
    expect(refused).toMatchObject({ status: 409, body: { code: "product-unavailable" } })
    const kept = await call("GET", `orders/${placed.body.id}`, { as: customer })
    expect(kept.body.items).toMatchObject([{ sku: "TEE-S", options: { Size: "S" } }])
    const again = await call("POST", "products/shirt/variants", {
      as: staff,
      body: { sku: "TEE-S", options: { Size: "S" } },
    })
    expect(again.status).toBe(201)
    expect((await call("DELETE", "products/shirt/variants/nope", { as: staff })).status).toBe(404)
  })

  it("are for staff to change", async () => {
    await shirt()
    const customer = await make.user()
    for (const [method, path] of [
      ["POST", "products/shirt/variants"],
      ["PUT", "products/shirt/variants/TEE-S"],
      ["PATCH", "products/shirt/variants/TEE-S"],
      ["DELETE", "products/shirt/variants/TEE-S"],
    ] as const) {
      const body = method === "DELETE" ? undefined : { options: { Size: "L" }, price: "0.01" }
      expect((await call(method, path, { body })).status).toBe(401)
      expect((await call(method, path, { body, as: customer })).status).toBe(403)
    }
  })
})

it("a stock that is set shows what can be bought where some of it is held", async () => {
  const product = await shirt()
  const [small] = product.variants
  const lines = [{ variantId: small!.id, quantity: 2 }]
  await stockObject(product.id).reserve(product.id, "ord_x" as never, lines, Date.now() + 60_000)
  await variants.update(ctx({ as: make.staff }), product.id, small!.id, { stock_quantity: 10 })
  expect(await rows("SELECT stock_quantity FROM variants WHERE id = ?", small!.id)).toEqual([
    { stock_quantity: 8 },
  ])
})

it("a plain product that comes to have variants sells them and no longer itself", async () => {
  const staff = await make.user("staff")
  const product = await make.product({ name: "Cap", stock_quantity: 5 })
  await call("PATCH", "products/cap", { as: staff, body: { options: sizes } })
  expect((await call("GET", "products/cap")).body.stock_quantity).toBe(0)
  await call("POST", "products/cap/variants", {
    as: staff,
    body: { options: { Size: "S" }, stock_quantity: 2 },
  })
  expect((await call("GET", "products/cap")).body.stock_quantity).toBe(2)
  const itself = await order([{ product_id: product.id, quantity: 1 }])
  expect(itself).toMatchObject({
    status: 400,
    body: { errors: [{ code: "variant-required" }] },
  })
})
