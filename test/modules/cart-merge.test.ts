import fc from "fast-check"
import { describe, expect, it } from "vitest"

import { sha256 } from "#lib/secret.ts"
import * as carts from "#modules/cart/cart.ts"
import { stageMerge } from "#modules/cart/merge.ts"
import * as saved from "#modules/cart/saved.ts"
import * as checkout from "#modules/checkout/checkout.ts"
import { PlaceOrder } from "#modules/checkout/model.ts"
import { commit } from "#platform/commit.ts"

import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { address, countOf, reasonsOf, rows } from "../support/shop.ts"

type Buyer = Awaited<ReturnType<typeof make.user>>

/** A guest of this token. */
async function guest(token = "guest") {
  const hash = await sha256(token)
  return { hash, as: { type: "guest", cartTokenHash: hash } as const }
}

/** What a user's cart shows when the guest's token comes along. */
const merged = (as: Buyer, guestCart: string) => carts.get(ctx({ as, guestCart }))
const put = (as: Parameters<typeof ctx>[0] & object, product_id: string, quantity: number) =>
  carts.addItem(ctx(as), { product_id, quantity })

/** Quantities by variant of an owner's cart, or of what they saved. */
async function quantities(sql: string, owner: string): Promise<Record<string, number>> {
  const found = await rows<{ variant_id: string; quantity: number }>(sql, owner)
  return Object.fromEntries(found.map(({ variant_id, quantity }) => [variant_id, quantity]))
}
const inCart = (column: "user_id" | "token_hash", owner: string) =>
  quantities(
    `SELECT variant_id, quantity FROM cart_lines JOIN carts ON carts.id = cart_id WHERE ${column} = ? AND status = 'open'`,
    owner,
  )
const inSaved = (column: "user_id" | "token_hash", owner: string) =>
  quantities(`SELECT variant_id, quantity FROM saved_items WHERE ${column} = ?`, owner)

describe("a guest's cart", () => {
  it("becomes the user's, and its lines keep their ids", async () => {
    const [as, product, { hash, as: visitor }] = [
      await make.user(),
      await make.product({ stock_quantity: 9 }),
      await guest(),
    ]
    const { item_id } = await put({ as: visitor }, product.id, 2)
    const cart = await merged(as, hash)
    expect(cart).toMatchObject({
      user: as.id,
      items: [{ id: item_id, quantity: 2 }],
      saved_items: [],
      warnings: [],
    })
    expect((await carts.get(ctx({ as: visitor }))).items).toEqual([])
  })

  it("adds to what the user has, and what does not fit is saved for later, with a word", async () => {
    const [as, product, { hash, as: visitor }] = [
      await make.user(),
      await make.product({ name: "Rake", stock_quantity: 5 }),
      await guest(),
    ]
    await put({ as }, product.id, 3)
    await put({ as: visitor }, product.id, 4)
    const cart = await merged(as, hash)
    expect(cart).toMatchObject({
      items: [{ quantity: 5 }],
      saved_items: [{ quantity: 2, product: { id: product.id } }],
      warnings: [
        {
          code: "saved-for-later",
          detail: "2 of Rake did not fit into the cart and are saved for later.",
        },
      ],
    })
    expect(await merged(as, hash)).toEqual(cart)
  })

  it("goes to what is saved where nothing is left, and what was saved adds up", async () => {
    const [as, product, { hash, as: visitor }] = [
      await make.user(),
      await make.product({ stock_quantity: 5 }),
      await guest(),
    ]
    const one = await put({ as }, product.id, 2)
    await saved.save(ctx({ as }), one.item_id ?? "")
    const other = await put({ as: visitor }, product.id, 1)
    await saved.save(ctx({ as: visitor }), other.item_id ?? "")
    await put({ as: visitor }, product.id, 4)
    await rows("UPDATE variants SET stock_quantity = 0")
    const cart = await merged(as, hash)
    expect(cart).toMatchObject({ items: [], saved_items: [{ quantity: 7 }] })
    expect(await inSaved("token_hash", hash)).toEqual({})
  })

  it("brings its codes, the user's first, and keeps its address to itself", async () => {
    const [as, product, { hash, as: visitor }] = [
      await make.user(),
      await make.product(),
      await guest(),
    ]
    await put({ as }, product.id, 1)
    await put({ as: visitor }, product.id, 1)
    await carts.update(ctx({ as: visitor }), { email: "guest@example.com" })
    await rows(`UPDATE carts SET coupons = '["Z","A"]' WHERE user_id IS NOT NULL`)
    await rows(`UPDATE carts SET coupons = '["B","Z"]' WHERE user_id IS NULL`)
    const cart = await merged(as, hash)
    expect(cart.email).toBeNull()
    expect(cart.coupons.map(({ code }) => code)).toEqual(["Z", "A", "B"])
  })

  it("of many lines fills the cart to a hundred and saves the rest", async () => {
    const [as, { hash, as: visitor }] = [await make.user(), await guest()]
    const values = Array.from({ length: 60 }, (_, n) => String(n))
    const things = async () =>
      (
        await make.product({
          options: [{ name: "No", values }],
          variants: values.map((value) => ({ options: { No: value }, stock_quantity: 9 })),
        })
      ).variants
    const [ours, theirs] = [await things(), await things()]
    for (const { id } of ours) await carts.addItem(ctx({ as }), { variant_id: id, quantity: 1 })
    for (const { id } of [...theirs, ...ours.slice(0, 5)])
      await carts.addItem(ctx({ as: visitor }), { variant_id: id, quantity: 2 })
    const cart = await merged(as, hash)
    expect(cart.items).toHaveLength(100)
    expect(cart.items.slice(0, 5).map(({ quantity }) => quantity)).toEqual([3, 3, 3, 3, 3])
    expect(cart.saved_items).toHaveLength(20)
    expect(cart.saved_items.every(({ quantity }) => quantity === 2)).toBe(true)
  })

  it("is nothing when there is nothing in it", async () => {
    const [as, { hash }] = [await make.user(), await guest()]
    expect((await merged(as, hash)).id).toBeNull()
    expect(await countOf("carts")).toBe(0)
  })
})

describe("at once", () => {
  it("ten requests of one user merge a guest's cart once", async () => {
    const [as, product, { hash, as: visitor }] = [
      await make.user(),
      await make.product({ stock_quantity: 99 }),
      await guest(),
    ]
    await put({ as }, product.id, 3)
    await put({ as: visitor }, product.id, 4)
    await Promise.all(Array.from({ length: 10 }, () => merged(as, hash)))
    expect(await inCart("user_id", as.id)).toEqual({ [product.id]: 7 })
    expect(await countOf("saved_items")).toBe(0)
  })

  it("two devices bring two carts, and both are in the user's", async () => {
    const [as, product] = [await make.user(), await make.product({ stock_quantity: 99 })]
    const devices = [await guest("one"), await guest("two")]
    for (const { as: visitor } of devices) await put({ as: visitor }, product.id, 4)
    await Promise.all(devices.map(({ hash }) => merged(as, hash)))
    expect(await inCart("user_id", as.id)).toEqual({ [product.id]: 8 })
  })

  it("nothing is lost of what is put in on either side meanwhile", async () => {
    const [as, product, { hash, as: visitor }] = [
      await make.user(),
      await make.product({ stock_quantity: 500 }),
      await guest(),
    ]
    await put({ as: visitor }, product.id, 1)
    await Promise.all([
      ...Array.from({ length: 10 }, () => put({ as }, product.id, 1)),
      ...Array.from({ length: 10 }, () => put({ as: visitor }, product.id, 1)),
      ...Array.from({ length: 5 }, () => merged(as, hash)),
    ])
    await merged(as, hash)
    expect(await inCart("user_id", as.id)).toEqual({ [product.id]: 21 })
    expect(await inCart("token_hash", hash)).toEqual({})
  })

  it("an order of the guest's cart and its merge: either it is ordered or it is the user's", async () => {
    const [as, product, { hash, as: visitor }] = [
      await make.user(),
      await make.product({ stock_quantity: 50 }),
      await guest(),
    ]
    await put({ as: visitor }, product.id, 2)
    const order = PlaceOrder.parse({ shipping_address: address, email: "guest@example.com" })
    const shopper = ctx({ as: visitor })
    const [placed] = await Promise.allSettled([
      checkout.place(shopper, order),
      merged(as, hash),
      merged(as, hash),
    ])
    await shopper.settled()
    const kept = await inCart("user_id", as.id)
    expect(kept).toEqual(placed.status === "fulfilled" ? {} : { [product.id]: 2 })
    expect(await countOf("orders")).toBe(placed.status === "fulfilled" ? 1 : 0)
    expect(await inCart("token_hash", hash)).toEqual({})
  })

  it("an order of a cart that another one went into meanwhile is refused, and takes all the next time", async () => {
    const [as, product, { hash, as: visitor }] = [
      await make.user(),
      await make.product({ stock_quantity: 50 }),
      await guest(),
    ]
    await put({ as }, product.id, 1)
    await put({ as: visitor }, product.id, 2)
    const [cart] = await rows<{ id: never; version: number }>(
      "SELECT id, version FROM carts WHERE user_id IS NOT NULL",
    )
    await merged(as, hash)
    const system = ctx()
    const results = await Promise.allSettled([
      commit(system, carts.stageClose(system, cart!.id, cart!.version), {
        refusals: carts.closeRefusals,
      }),
    ])
    expect(reasonsOf(results)).toMatchObject([{ code: "cart-changed" }])
    const shopper = ctx({ as })
    const placed = await checkout.place(shopper, PlaceOrder.parse({ shipping_address: address }))
    await shopper.settled()
    expect(placed.items).toMatchObject([{ quantity: 3 }])
  })

  it("an order that read a guest's cart before it was merged breaks", async () => {
    const [as, product, { hash, as: visitor }] = [
      await make.user(),
      await make.product(),
      await guest(),
    ]
    await put({ as: visitor }, product.id, 1)
    const [cart] = await rows<{ id: never; version: number }>("SELECT id, version FROM carts")
    await merged(as, hash)
    const system = ctx()
    await expect(
      commit(system, carts.stageClose(system, cart!.id, cart!.version), {
        refusals: carts.closeRefusals,
      }),
    ).rejects.toMatchObject({ code: "cart-changed" })
  })
})

it("whatever lies where: nothing is lost, nothing is beyond what there is, and twice is once", async () => {
  const buyer = await make.user()
  const variants = ["a", "b", "c", "d"]
  const some = (least: number, most: number) =>
    fc.array(fc.option(fc.integer({ min: least, max: most })), { minLength: 4, maxLength: 4 })
  const product = await make.product()
  await rows("DELETE FROM variants")
  for (const id of variants)
    await rows(
      "INSERT INTO variants (id, product_id, options, stock_quantity, position, created_at, updated_at) VALUES (?, ?, '{}', 0, 0, '', '')",
      id,
      product.id,
    )
  const world = fc.record({
    stock: fc.array(fc.integer({ min: 0, max: 1100 }), { minLength: 4, maxLength: 4 }),
    ours: some(1, 999),
    theirs: some(1, 999),
    oursSaved: some(1, 2000),
    theirsSaved: some(1, 2000),
  })
  const { hash } = await guest()
  const system = ctx()
  const owners = { user_id: buyer.id, token_hash: hash } as const

  await fc.assert(
    fc.asyncProperty(world, async ({ stock, ours, theirs, oursSaved, theirsSaved }) => {
      for (const table of ["cart_lines", "saved_items", "carts"]) await rows(`DELETE FROM ${table}`)
      const total: Record<string, number> = {}
      const note = (variant: string, quantity: number) =>
        (total[variant] = (total[variant] ?? 0) + quantity)
      for (const [index, variant] of variants.entries())
        await rows("UPDATE variants SET stock_quantity = ? WHERE id = ?", stock[index], variant)
      for (const [column, lines, later] of [
        ["user_id", ours, oursSaved],
        ["token_hash", theirs, theirsSaved],
      ] as const) {
        const owner = owners[column]
        await rows(
          `INSERT INTO carts (id, ${column}, status, version, created_at, updated_at) VALUES (?, ?, 'open', 0, '', '')`,
          `crt_${column}`,
          owner,
        )
        for (const [index, variant] of variants.entries()) {
          const [quantity, kept] = [lines[index], later[index]]
          if (quantity) {
            note(variant, quantity)
            await rows(
              "INSERT INTO cart_lines VALUES (?, ?, ?, ?, ?, 1, '')",
              `lin_${column}_${variant}`,
              `crt_${column}`,
              product.id,
              variant,
              quantity,
            )
          }
          if (kept) {
            note(variant, kept)
            await rows(
              `INSERT INTO saved_items (id, ${column}, product_id, variant_id, quantity, added_amount, overflow, created_at) VALUES (?, ?, ?, ?, ?, 1, 0, '')`,
              `sav_${column}_${variant}`,
              owner,
              product.id,
              variant,
              kept,
            )
          }
        }
      }
      const merge = () =>
        commit(system, stageMerge(system, hash, { userId: buyer.id, tokenHash: null }))
      await merge()
      const [cart, later] = [await inCart("user_id", buyer.id), await inSaved("user_id", buyer.id)]
      const sum = Object.fromEntries(
        variants
          .map((variant) => [variant, (cart[variant] ?? 0) + (later[variant] ?? 0)] as const)
          .filter(([, quantity]) => quantity > 0),
      )
      expect(sum).toEqual(total)
      for (const [index, variant] of variants.entries()) {
        const [had, brought] = [ours[index] ?? 0, theirs[index] ?? 0]
        const most = Math.min(stock[index] ?? 0, 999)
        expect(cart[variant] ?? 0).toBe(Math.max(had, Math.min(had + brought, most)))
      }
      await merge()
      expect([await inCart("user_id", buyer.id), await inSaved("user_id", buyer.id)]).toEqual([
        cart,
        later,
      ])
      expect([await inCart("token_hash", hash), await inSaved("token_hash", hash)]).toEqual([
        {},
        {},
      ])
    }),
    { numRuns: 40 },
  )
})
