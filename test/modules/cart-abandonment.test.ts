import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { configOf } from "#config.ts"
import { sha256 } from "#lib/secret.ts"
import * as abandonment from "#modules/cart/abandonment.ts"
import * as carts from "#modules/cart/cart.ts"
import { expireCarts } from "#modules/cart/expiry.ts"
import * as saved from "#modules/cart/saved.ts"
import * as checkout from "#modules/checkout/checkout.ts"
import { PlaceOrder } from "#modules/checkout/model.ts"
import { remind } from "#modules/notifications/cart-mails.ts"

import { ctx } from "../support/ctx.ts"
import { linkOf, mailbox, mailOf } from "../support/mail.ts"
import * as make from "../support/make.ts"
import { address, countOf, deliverAll, openEvents, rows } from "../support/shop.ts"

const began = Date.parse("2026-03-01T12:00:00.000Z")
const at = (hours: number) => new Date(began + hours * 3_600_000)
const day = 24

type As = NonNullable<Parameters<typeof ctx>[0]>["as"] & object

/** A guest of this token. */
async function guest(token: string) {
  return { type: "guest", cartTokenHash: await sha256(token) } as const
}

/** Puts something in at this hour. */
async function put(as: As, hours: number, over: { name?: string; quantity?: number } = {}) {
  const { quantity = 2, ...rest } = over
  const product = await make.product({ price: "12.50", ...rest })
  await carts.addItem(ctx({ as, now: at(hours) }), { product_id: product.id, quantity })
  return product
}

/** The sweep at this hour, and the ids of the carts that it found left. */
async function sweep(hours: number): Promise<string[]> {
  const before = (await openEvents("cart.abandoned")).length
  await abandonment.markAbandoned(ctx({ now: at(hours) }))
  const events = await openEvents("cart.abandoned")
  return events.slice(before).map(({ event }) => (event as { cartId: string }).cartId)
}

const cartIds = async () => (await rows<{ id: string }>("SELECT id FROM carts")).map(({ id }) => id)
const reminding = (hours: number) => ({
  now: at(hours),
  config: { ...configOf(env), cartReminders: true },
})

describe("a cart is left", () => {
  it("when it lies idle for a day, of a user or of a guest who can be written to", async () => {
    const [user, known, stranger] = [await make.user(), await guest("known"), await guest("other")]
    for (const as of [user, known, stranger]) await put(as, 0)
    await carts.update(ctx({ as: known, now: at(0) }), { email: "guest@example.com" })
    expect(await sweep(day - 1)).toEqual([])
    expect(await sweep(day)).toHaveLength(2)
    expect(
      await rows(
        "SELECT user_id, email, items, amount, idle_since, created_at FROM cart_abandonments ORDER BY email",
      ),
    ).toEqual([
      {
        user_id: user.id,
        email: null,
        items: 2,
        amount: 2500,
        idle_since: at(0).toISOString(),
        created_at: at(day).toISOString(),
      },
      expect.objectContaining({ user_id: null, email: "guest@example.com" }),
    ])
  })

  it("once for each time", async () => {
    const user = await make.user()
    await put(user, 0)
    const ids = await cartIds()
    expect(await sweep(25)).toEqual(ids)
    expect(await sweep(26)).toEqual([])
    await put(user, 30)
    expect(await sweep(53)).toEqual([])
    expect(await sweep(54)).toEqual(ids)
    expect(await countOf("cart_abandonments")).toBe(2)
  })

  it("by one of several sweeps at once", async () => {
    for (let n = 0; n < 3; n++) await put(await make.user(), 0)
    await Promise.all(
      Array.from({ length: 4 }, () => abandonment.markAbandoned(ctx({ now: at(48) }))),
    )
    expect(await countOf("cart_abandonments")).toBe(3)
    expect(await openEvents("cart.abandoned")).toHaveLength(3)
  })

  it("not when nothing is in it, nor when it was ordered", async () => {
    const [empty, buyer] = [await make.user(), await make.user()]
    await put(empty, 0)
    await carts.clear(ctx({ as: empty, now: at(0) }))
    await put(buyer, 0)
    const shopper = ctx({ as: buyer, now: at(1) })
    await checkout.place(shopper, PlaceOrder.parse({ shipping_address: address }))
    await shopper.settled()
    expect(await sweep(48)).toEqual([])
    expect(await countOf("cart_abandonments")).toBe(0)
  })

  it("in pages: more than a page of carts is swept in one run", async () => {
    const product = await make.product()
    const users = await Promise.all(Array.from({ length: 60 }, () => make.user()))
    const placed = at(0).toISOString()
    await env.DB.batch(
      users.flatMap(({ id }, n) => [
        env.DB.prepare(
          "INSERT INTO carts (id, user_id, status, version, created_at, updated_at) VALUES (?, ?, 'open', 0, ?, ?)",
        ).bind(`crt_${n}`, id, placed, placed),
        env.DB.prepare("INSERT INTO cart_lines VALUES (?, ?, ?, ?, 1, 1000, ?)").bind(
          `lin_${n}`,
          `crt_${n}`,
          product.id,
          product.id,
          placed,
        ),
      ]),
    )
    expect(await sweep(48)).toHaveLength(60)
    expect(await sweep(49)).toEqual([])
  })
})

describe("a reminder", () => {
  it("goes to the account, by its event, when the shop wants reminders", async () => {
    const user = await make.user()
    await put(user, 0, { name: "Rake" })
    await sweep(25)
    const [message] = await openEvents("cart.abandoned")
    const event = message!.event as Extract<
      NonNullable<typeof message>["event"],
      { type: "cart.abandoned" }
    >
    await remind(ctx(reminding(25)), event, message!.id)
    await remind(ctx(reminding(25)), event, message!.id)
    const mail = await mailOf(user.email, "cart-reminder")
    expect(mail.text).toContain("Rake: × 2")
    expect(linkOf(mail).href).toMatch(/\/cart\/recover#token=[\w-]{43}$/)
  })

  it("does not go without the setting, and nothing fails", async () => {
    const user = await make.user()
    await put(user, 0)
    await sweep(25)
    await deliverAll("cart.abandoned")
    expect(await openEvents("cart.abandoned")).toEqual([])
    expect(await countOf("mails")).toBe(0)
  })

  it("does not go to who wants no mail, nor of a cart that moved on, nor twice a day to one address", async () => {
    const [silent, back] = [await make.user(), await make.user()]
    const twins = [await guest("one"), await guest("two")]
    await rows("UPDATE users SET email_notifications = 0 WHERE id = ?", silent.id)
    for (const as of [silent, back, ...twins]) await put(as, 0)
    for (const as of twins)
      await carts.update(ctx({ as, now: at(0) }), { email: "twin@example.com" })
    expect(await sweep(25)).toHaveLength(4)
    await put(back, 26)
    for (const { id, event } of await openEvents("cart.abandoned"))
      await remind(ctx(reminding(25)), event as Parameters<typeof remind>[1], id)
    const mails = await mailbox("twin@example.com")
    expect(mails.map(({ template }) => template)).toEqual(["cart-reminder"])
    expect(await countOf("mails")).toBe(1)
  })
})

describe("the link of a reminder", () => {
  /** A guest's cart that was left, and the token of its reminder. */
  async function left() {
    const as = await guest("left")
    await put(as, 0, { name: "Rake" })
    await carts.update(ctx({ as, now: at(0) }), { email: "guest@example.com" })
    await sweep(25)
    return { as, token: await tokenOf("guest@example.com") }
  }

  async function tokenOf(to: string): Promise<string> {
    for (const { id, event } of await openEvents("cart.abandoned"))
      await remind(ctx(reminding(25)), event as Parameters<typeof remind>[1], id)
    return linkOf(await mailOf(to, "cart-reminder")).hash.replace("#token=", "")
  }

  it("brings a guest's cart to whoever opens it: another device, a new one, an account", async () => {
    const { as, token } = await left()
    const same = await abandonment.recover(ctx({ as, now: at(26) }), { token })
    expect(same.items).toMatchObject([{ product: { name: "Rake" }, quantity: 2 }])
    const phone = await guest("phone")
    const moved = await abandonment.recover(ctx({ as: phone, now: at(26) }), { token })
    expect(moved).toMatchObject({ email: "guest@example.com", items: [{ quantity: 2 }] })
    expect((await carts.get(ctx({ as }))).items).toEqual([])
    const fresh = await abandonment.recover(ctx({ as: { type: "guest" }, now: at(27) }), { token })
    expect(fresh.token).toMatch(/^[\w-]{43}$/)
    expect(fresh.items).toMatchObject([{ quantity: 2 }])
    const user = await make.user()
    const owned = await abandonment.recover(ctx({ as: user, now: at(27) }), { token })
    expect(owned).toMatchObject({ user: user.id, email: null, items: [{ quantity: 2 }] })
    const late = abandonment.recover(ctx({ as: phone, now: at(28) }), { token })
    await expect(late).rejects.toMatchObject({ code: "unauthenticated" })
  })

  it("opens a user's cart for that user only", async () => {
    const [user, other] = [await make.user(), await make.user()]
    await put(user, 0)
    await sweep(25)
    const token = await tokenOf(user.email)
    const open = (as: As) => abandonment.recover(ctx({ as, now: at(26) }), { token })
    expect((await open(user)).items).toMatchObject([{ quantity: 2 }])
    await expect(open(await guest("x"))).rejects.toMatchObject({ code: "unauthenticated" })
    await expect(open(other)).rejects.toMatchObject({ code: "invalid-input" })
  })

  it("ends after 30 days, and with the order", async () => {
    const { as, token } = await left()
    const open = (hours: number) => abandonment.recover(ctx({ as, now: at(hours) }), { token })
    await expect(open(25 + 30 * day)).rejects.toMatchObject({ code: "invalid-input" })
    const shopper = ctx({ as, now: at(26) })
    await checkout.place(
      shopper,
      PlaceOrder.parse({ shipping_address: address, email: "guest@example.com" }),
    )
    await shopper.settled()
    await expect(open(27)).rejects.toMatchObject({ code: "invalid-input" })
    expect(await countOf("cart_lines")).toBe(1)
  })
})

describe("staff see", () => {
  const staff = (hours: number) => ctx({ as: make.staff, now: at(hours) })

  it("the carts that were left, newest first, and which were ordered after all", async () => {
    const [gone, back] = [await make.user(), await make.user()]
    await put(gone, 0)
    await put(back, 1, { quantity: 1 })
    await sweep(24)
    await sweep(25)
    const shopper = ctx({ as: back, now: at(30) })
    await checkout.place(shopper, PlaceOrder.parse({ shipping_address: address }))
    await shopper.settled()

    const all = await abandonment.list(staff(31), {})
    expect(all.results).toMatchObject([
      { user: back.id, email: back.email, total_items: 1, total_amount: "12.50", currency: "USD" },
      { user: gone.id, email: gone.email, total_items: 2, total_amount: "25.00" },
    ])
    const of = async (recovered: boolean) =>
      (await abandonment.list(staff(31), { recovered })).results.map(({ user }) => user)
    expect([await of(true), await of(false)]).toEqual([[back.id], [gone.id]])
    await expect(abandonment.list(ctx({ as: gone }), {})).rejects.toMatchObject({
      code: "forbidden",
    })
  })

  it("the rates of a period, each cart once", async () => {
    const [gone, back, brisk] = [await make.user(), await make.user(), await make.user()]
    await put(gone, 0)
    await put(back, 0, { quantity: 1 })
    await sweep(25)
    await put(gone, 30, { quantity: 4 })
    await sweep(60)
    await put(brisk, 61)
    for (const as of [back, brisk]) {
      const shopper = ctx({ as, now: at(62) })
      await checkout.place(shopper, PlaceOrder.parse({ shipping_address: address }))
      await shopper.settled()
    }
    expect(await abandonment.statistics(staff(63), {})).toEqual({
      date_from: "2026-02-02T03:00:00.000Z",
      date_to: "2026-03-04T03:00:00.000Z",
      abandoned_carts: 2,
      recovered_carts: 1,
      ordered_carts: 2,
      recovery_rate: 0.5,
      abandonment_rate: 0.3333,
      abandoned_amount: "87.50",
      recovered_amount: "12.50",
      currency: "USD",
    })
    const none = await abandonment.statistics(staff(63), {
      date_from: "2026-01-01",
      date_to: "2026-01-31",
    })
    expect(none).toMatchObject({ abandoned_carts: 0, recovery_rate: null, abandonment_rate: null })
    await expect(
      abandonment.statistics(staff(63), { date_from: "2024-01-01", date_to: "2026-01-01" }),
    ).rejects.toMatchObject({ code: "invalid-input" })
  })

  it("that a guest's cart was recovered, when the account it went into orders", async () => {
    const [visitor, user] = [await guest("v"), await make.user()]
    await put(visitor, 0)
    await carts.update(ctx({ as: visitor, now: at(0) }), { email: "v@example.com" })
    await sweep(25)
    const shopper = ctx({ as: user, guestCart: visitor.cartTokenHash, now: at(26) })
    await checkout.place(shopper, PlaceOrder.parse({ shipping_address: address }))
    await shopper.settled()
    const [row] = (await abandonment.list(staff(27), { recovered: true })).results
    expect(row).toMatchObject({ user: user.id, recovered_at: at(26).toISOString() })
  })
})

describe("what guests leave behind", () => {
  it("is deleted after 30 days: carts, those that became a user's, and what was saved", async () => {
    const [old, young, user] = [await guest("old"), await guest("young"), await make.user()]
    await put(old, 0)
    const gone = await guest("gone")
    await put(gone, 0)
    await carts.get(ctx({ as: user, guestCart: gone.cartTokenHash, now: at(0) }))
    const item = await carts.get(ctx({ as: old }))
    await saved.save(ctx({ as: old, now: at(0) }), item.items[0]!.id)
    await put(young, 2 * day)
    await expireCarts(ctx({ now: at(30 * day - 1) }))
    expect(await countOf("carts")).toBe(4)
    await Promise.all([
      expireCarts(ctx({ now: at(30 * day) })),
      expireCarts(ctx({ now: at(30 * day) })),
    ])
    const left = await rows("SELECT user_id, token_hash FROM carts ORDER BY user_id")
    expect(left).toEqual([
      { user_id: null, token_hash: young.cartTokenHash },
      { user_id: user.id, token_hash: null },
    ])
    expect(await countOf("cart_lines")).toBe(2)
    expect(await countOf("saved_items")).toBe(0)
  })

  it("stays when it was ordered, or while the guest still comes", async () => {
    const [buyer, regular] = [await guest("buyer"), await guest("regular")]
    await put(buyer, 0)
    const shopper = ctx({ as: buyer, now: at(0) })
    await checkout.place(
      shopper,
      PlaceOrder.parse({ shipping_address: address, email: "b@example.com" }),
    )
    await shopper.settled()
    await put(regular, 0)
    const cart = await carts.get(ctx({ as: regular }))
    await saved.save(ctx({ as: regular, now: at(0) }), cart.items[0]!.id)
    await put(regular, 20 * day)
    await expireCarts(ctx({ now: at(40 * day) }))
    expect(await countOf("carts")).toBe(2)
    expect(await countOf("saved_items")).toBe(1)
  })
})

it("the sweeps look at indexes only, however many carts there are", async () => {
  const plans = await Promise.all(
    [
      "SELECT id FROM carts WHERE (status = 'open' AND swept_at IS NULL AND (user_id IS NOT NULL OR email IS NOT NULL)) AND updated_at <= ? ORDER BY updated_at LIMIT 50",
      "SELECT id FROM carts WHERE (user_id IS NULL AND status <> 'ordered') AND updated_at <= ? ORDER BY updated_at LIMIT 90",
      "SELECT count(*) FROM carts WHERE status = 'ordered' AND updated_at >= ?",
      "SELECT id FROM saved_items WHERE token_hash IS NOT NULL AND created_at <= ? LIMIT 90",
    ].map((sql) => rows<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, "x")),
  )
  expect(plans.map(([step]) => /INDEX (\w+)/.exec(step?.detail ?? "")?.[1])).toEqual([
    "carts_idle",
    "carts_of_guests",
    "carts_ordered",
    "saved_items_of_guests",
  ])
})
