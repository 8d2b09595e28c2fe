import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { DomainError } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { price } from "#modules/cart/price.ts"
import * as manage from "#modules/promotions/manage.ts"
import { NewPromotion } from "#modules/promotions/model.ts"
import * as promotions from "#modules/promotions/promotions.ts"
import { commit } from "#platform/commit.ts"

import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { applied, promotion, things, use } from "../support/offers.ts"
import { countOf, order, reasonsOf, rows } from "../support/shop.ts"

const staff = () => ctx({ as: make.staff })
const usedOf = async (id: string) => (await manage.get(staff(), id)).used_count
const codesOf = (results: readonly PromiseSettledResult<unknown>[]) =>
  new Set(
    reasonsOf(results).map((reason) => (reason instanceof DomainError ? reason.code : reason)),
  )
const giveBack = (id: Id<"order">) => {
  const as = ctx()
  return commit(as, promotions.stageGiveBack(as, id))
}
const customersOf = () =>
  rows("SELECT customer, used FROM promotion_customers WHERE used > 0 ORDER BY customer")

describe("a limit of uses", () => {
  it("of 25 lets through exactly 25 of 300 orders at once", async () => {
    const limited = await promotion({ usage_limit: 25 })
    const results = await Promise.allSettled(
      Array.from({ length: 300 }, () => use([applied(limited)])),
    )
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(25)
    expect(codesOf(results)).toEqual(new Set(["coupon-used-up"]))
    expect(await usedOf(limited.id)).toBe(25)
    expect(await countOf("promotion_uses")).toBe(25)
    expect((await manage.get(staff(), limited.id)).discount_total).toBe("25.00")
  })

  it("for each customer counts an account's orders at once, and those as a guest with its address", async () => {
    const twice = await promotion({ usage_limit_per_customer: 2 })
    const { id: userId, email } = await make.user()
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => use([applied(twice)], { userId, email })),
    )
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(2)
    expect(codesOf(results)).toEqual(new Set(["coupon-used-up"]))
    await expect(use([applied(twice)], { email: email.toUpperCase() })).rejects.toMatchObject({
      code: "coupon-used-up",
    })
    await use([applied(twice)])
    expect(await usedOf(twice.id)).toBe(3)
  })

  it("of a code of a batch is its own", async () => {
    const batch = await promotion({ code: null, automatic: false })
    const { codes } = await manage.addCodes(staff(), batch.id, {
      count: 3,
      prefix: "VIP-",
      usage_limit: 1,
    })
    expect(new Set(codes).size).toBe(3)
    for (const code of codes) {
      const results = await Promise.allSettled(
        Array.from({ length: 5 }, () => use([applied(batch, code)])),
      )
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
    }
    expect(await usedOf(batch.id)).toBe(3)
  })

  it("rolls the whole batch back: of two promotions neither is used when one is used up", async () => {
    const free = await promotion({ code: "FREE" })
    const limited = await promotion({ code: "ONE", usage_limit: 1 })
    await use([applied(limited)])
    await expect(use([applied(free), applied(limited)])).rejects.toMatchObject({
      code: "coupon-used-up",
    })
    expect([await usedOf(free.id), await usedOf(limited.id)]).toEqual([0, 1])
    expect(await countOf("promotion_uses")).toBe(1)
  })
})

describe("a cancelled order", () => {
  it("gives back what it used once, however often it is cancelled at once", async () => {
    const limited = await promotion({ usage_limit: 2, usage_limit_per_customer: 1 })
    const { id: userId, email } = await make.user()
    const mine = await use([applied(limited)], { userId, email })
    await use([applied(limited)])
    await Promise.all(Array.from({ length: 10 }, () => giveBack(mine)))
    expect(await usedOf(limited.id)).toBe(1)
    expect((await manage.get(staff(), limited.id)).discount_total).toBe("1.00")
    expect(await customersOf()).toHaveLength(1)
    expect(await rows("SELECT used FROM promotion_codes")).toEqual([{ used: 1 }])
    await use([applied(limited)], { userId, email })
    expect(await usedOf(limited.id)).toBe(2)
  })

  it("that used none gives none back", async () => {
    const some = await promotion()
    await use([applied(some)])
    await giveBack("ord_other" as Id<"order">)
    expect(await usedOf(some.id)).toBe(1)
  })
})

describe("an order", () => {
  it("counts a promotion once, even if its use is committed twice", async () => {
    const limited = await promotion({ usage_limit: 5 })
    const as = ctx()
    const mine = { id: "ord_1" as Id<"order">, userId: null, email: "a@nexus.test" }
    for (let n = 0; n < 3; n++) await commit(as, promotions.stageUse(as, mine, [applied(limited)]))
    expect(await usedOf(limited.id)).toBe(1)
    expect(await customersOf()).toEqual([{ customer: "a@nexus.test", used: 1 }])
  })

  it("that is priced anew exchanges its promotions, even the last use of one", async () => {
    const [last, other] = [await promotion({ usage_limit: 1 }), await promotion({ code: "OTHER" })]
    const as = ctx()
    const mine = { id: "ord_1" as Id<"order">, userId: null, email: "a@nexus.test" }
    const exchange = (...uses: Parameters<typeof applied>[0][]) =>
      commit(as, [
        ...promotions.stageGiveBack(as, mine.id),
        ...promotions.stageUse(
          as,
          mine,
          uses.map((one) => applied(one)),
        ),
      ])
    await exchange(last)
    await exchange(last, other)
    expect([await usedOf(last.id), await usedOf(other.id)]).toEqual([1, 1])
    await exchange(other)
    expect([await usedOf(last.id), await usedOf(other.id)]).toEqual([0, 1])
    await giveBack(mine.id)
    expect([await usedOf(last.id), await usedOf(other.id)]).toEqual([0, 0])
  })

  it("does not go through with a promotion that was taken away meanwhile", async () => {
    const gone = await promotion()
    await manage.remove(staff(), gone.id)
    await expect(use([applied(gone)])).rejects.toMatchObject({ code: "coupon-expired" })
    expect(await countOf("promotion_customers")).toBe(0)
  })
})

describe("the promotions in force", () => {
  const at = (now: string) => ctx({ now: new Date(now) })
  const noon = "2026-12-24T12:00:00.000Z"

  /** Prices one thing at 10.00 with these codes; answers the code's refusal, or what is off. */
  async function priced(codes: string[], over: Record<string, unknown> = {}, now = noon) {
    const product = await make.product()
    const quoted = await price(at(now), { items: await things(product), codes, ...over })
    const refusals = quoted.refused.map(({ code, reason }) => `${code} ${reason}`)
    return [quoted.discountAmount, ...refusals]
  }

  it("are read with everything else that prices go by in one round trip", async () => {
    await promotion({ automatic: true })
    const items = await things(await make.product())
    const as = ctx()
    await price(as, {
      items,
      codes: ["A", "B"],
      destination: { country: "GB", state: "", postalCode: "SW1Y 4JH" },
      customer: { userId: null, email: "ada@nexus.test" },
    })
    expect(as.meter.d1Queries).toBe(1)
  })

  it("are found by their codes in any letter case", async () => {
    await promotion({ code: "Spring-10" })
    expect(await priced([" sPRING-10 "])).toEqual([100])
    expect(await priced(["spring-10", "SPRING-10"])).toEqual([100])
    expect(await priced(["SPRING"])).toEqual([0, "SPRING unknown"])
  })

  it("begin and end when they say", async () => {
    await promotion({
      starts_at: "2026-12-24T13:00:00+01:00",
      ends_at: "2026-12-25T00:00:00Z",
    })
    expect(await priced(["TEN"], {}, "2026-12-24T11:59:59.999Z")).toEqual([0, "TEN not-started"])
    expect(await priced(["TEN"], {}, noon)).toEqual([100])
    expect(await priced(["TEN"], {}, "2026-12-24T23:59:59.999Z")).toEqual([100])
    expect(await priced(["TEN"], {}, "2026-12-25T00:00:00.000Z")).toEqual([0, "TEN expired"])
  })

  it("are the automatic ones too, in their time and while uses are left", async () => {
    await promotion({ automatic: true, starts_at: noon, usage_limit: 1 })
    expect(await priced([], {}, "2026-12-24T11:00:00.000Z")).toEqual([0])
    expect(await priced([])).toEqual([100])
    const [auto] = (await manage.list(staff(), { automatic: true })).results
    await use([applied(auto!)])
    expect(await priced([])).toEqual([0])
  })

  it("say why a code does nothing: used up, by all or by this customer", async () => {
    const one = await promotion({ code: "ONE", usage_limit: 1 })
    const each = await promotion({ code: "EACH", usage_limit_per_customer: 1 })
    const customer = { userId: null, email: "ada@nexus.test" }
    await use([applied(one), applied(each)], customer)
    expect(await priced(["ONE", "EACH"], { customer })).toEqual([
      0,
      "EACH customer-limit",
      "ONE used-up",
    ])
    expect(await priced(["EACH"], { customer: { ...customer, email: "b@nexus.test" } })).toEqual([
      100,
    ])
  })

  it("are five codes of an order at most: the first ones given", async () => {
    for (const code of ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"]) await promotion({ code })
    const codes = ["FFF", "EEE", "DDD", "CCC", "BBB", "AAA"]
    // Ten percent of 10.00, five times: 1.00, 0.90, 0.81, 0.73, 0.66
    expect(await priced(codes)).toEqual([410, "AAA too-many"])
  })

  it("are never two codes of one promotion", async () => {
    const batch = await promotion({ code: "MAIN" })
    const { codes } = await manage.addCodes(staff(), batch.id, {
      count: 1,
      prefix: "ZZZ",
      usage_limit: 1,
    })
    expect(await priced(["MAIN", ...codes])).toEqual([100, `${codes[0]} not-combinable`])
  })

  it("hold for an order that has them, when it is priced anew", async () => {
    const last = await promotion({ usage_limit: 1, ends_at: "2026-12-24T12:00:01Z" })
    const customer = { userId: null, email: "ada@nexus.test" }
    const orderId = await use([applied(last)], customer)
    const later = "2026-12-31T00:00:00.000Z"
    expect(await priced(["TEN"], { customer }, later)).toEqual([0, "TEN expired"])
    expect(await priced(["TEN"], { customer, orderId }, later)).toEqual([100])
  })

  it("for a first order know who has ordered before, by account and by address", async () => {
    const first = await promotion({ conditions: [{ type: "first_order" }] })
    expect(first.usage_limit_per_customer).toBe(1)
    const product = await make.product()
    const [old, fresh] = [await make.user(), await make.user()]
    const items = [{ product_id: product.id, quantity: 1 }]
    expect((await order(items, old)).status).toBe(201)
    expect((await order(items)).status).toBe(201)
    const by = (userId: Id<"user"> | null, email: string) =>
      priced(["TEN"], { customer: { userId, email } })
    expect(await by(old.id, "new@nexus.test")).toEqual([0, "TEN first-order"])
    expect(await by(fresh.id, fresh.email)).toEqual([100])
    expect(await by(fresh.id, "guest@example.com")).toEqual([0, "TEN first-order"])
    // A cancelled order was none.
    await env.DB.prepare("UPDATE orders SET status = 'cancelled'").run()
    expect(await by(old.id, old.email)).toEqual([100])
  })

  it("reach into sub-categories", async () => {
    const root = await make.category()
    const below = await make.category({ parent: root.id })
    await promotion({ conditions: [{ type: "categories", categories: [root.slug] }] })
    const items = await things(
      await make.product({ category: below.id }),
      await make.product({ category: root.id }),
      await make.product(),
    )
    const quoted = await price(ctx(), { items, codes: ["TEN"] })
    expect(quoted.lines.map(({ discountAmount }) => discountAmount)).toEqual([100, 100, 0])
  })
})

describe("a code", () => {
  it("that is checked says what is wrong with it", async () => {
    await promotion({ code: "OLD", ends_at: "2020-01-01T00:00:00Z" })
    const one = await promotion({ code: "ONE", usage_limit: 1 })
    await use([applied(one)])
    await promotion({ code: "GOOD" })
    const refusal = (code: string) =>
      promotions.check(ctx(), code).then(
        () => null,
        (error: unknown) => (error as DomainError).code,
      )
    expect(await Promise.all(["good", "old", "one", "none"].map(refusal))).toEqual([
      null,
      "coupon-expired",
      "coupon-used-up",
      "coupon-unknown",
    ])
  })

  it("cannot be found by trying: after twenty tries a minute even a right one is not looked at", async () => {
    await promotion({ code: "GOOD" })
    const made = ctx({ as: { type: "guest" } })
    const as = {
      ...made,
      config: { ...made.config, rateLimits: true },
      client: { address: "192.0.2.7", device: "" },
    }
    for (let n = 0; n < 20; n++)
      await expect(promotions.check(as, `GUESS${n}`)).rejects.toMatchObject({
        code: "coupon-unknown",
      })
    await expect(promotions.check(as, "GOOD")).rejects.toMatchObject({ code: "rate-limited" })
    const elsewhere = { ...as, client: { address: "192.0.2.8", device: "" } }
    await expect(promotions.check(elsewhere, "GOOD")).resolves.toBeUndefined()
  })
})

describe("staff", () => {
  it("cannot set a limit below what orders have", async () => {
    const some = await promotion({ usage_limit: 5 })
    for (let n = 0; n < 3; n++) await use([applied(some)])
    await expect(manage.update(staff(), some.id, { usage_limit: 2 })).rejects.toMatchObject({
      code: "invalid-input",
      details: { errors: [{ field: "usage_limit" }] },
    })
    expect((await manage.update(staff(), some.id, { usage_limit: 3 })).is_running).toBe(false)
  })

  it("that change a promotion while it is used lose no use", async () => {
    const some = await promotion()
    await Promise.all([
      ...Array.from({ length: 10 }, () => use([applied(some)])),
      ...Array.from({ length: 5 }, (_, n) => manage.update(staff(), some.id, { priority: n })),
    ])
    expect(await usedOf(some.id)).toBe(10)
  })

  it("take away what was never used, and archive the rest", async () => {
    const [unused, used] = [await promotion({ code: "UNUSED" }), await promotion({ code: "USED" })]
    const id = await use([applied(used)])
    await manage.remove(staff(), unused.id)
    await manage.remove(staff(), used.id)
    await expect(manage.get(staff(), unused.id)).rejects.toMatchObject({ code: "not-found" })
    expect(await manage.get(staff(), "used")).toMatchObject({ status: "archived", used_count: 1 })
    await giveBack(id)
    expect(await usedOf(used.id)).toBe(0)
    await promotion({ code: "UNUSED" })
  })

  it("give a code to one promotion only, whatever its letter case", async () => {
    await promotion({ code: "SAME" })
    await expect(promotion({ code: "same" })).rejects.toMatchObject({
      details: { errors: [{ field: "code", code: "taken" }] },
    })
    expect(await countOf("promotions")).toBe(1)
  })

  it("that rename a code end the old one", async () => {
    const some = await promotion({ code: "OLD" })
    await manage.update(staff(), some.id, { code: "NEW" })
    await expect(promotions.check(ctx(), "OLD")).rejects.toMatchObject({ code: "coupon-unknown" })
    await expect(promotions.check(ctx(), "NEW")).resolves.toBeUndefined()
  })

  it("are told every field that is wrong at once", async () => {
    const input = NewPromotion.parse({
      name: "Wrong",
      code: "WRONG",
      automatic: true,
      starts_at: "2026-02-01T00:00:00Z",
      ends_at: "2026-01-01T00:00:00Z",
      conditions: [
        { type: "minimum_spend", amount: "1.005" },
        { type: "products", products: ["none"] },
      ],
      action: {
        type: "buy_x_get_y",
        buy: 1,
        get: 1,
        of: { brands: ["nobody"] },
        maximum: "99999999999",
      },
    })
    const error = (await manage.create(staff(), input).catch((one: unknown) => one)) as DomainError
    expect((error.details["errors"] as { field: string }[]).map(({ field }) => field)).toEqual([
      "conditions.0.amount",
      "conditions.1.products.0",
      "action.maximum",
      "action.of.brands.0",
      "automatic",
      "ends_at",
    ])
    expect(await countOf("promotions")).toBe(0)
  })
})

it("an erased account is in no count any more, and its orders keep their uses", async () => {
  const some = await promotion({ usage_limit_per_customer: 1 })
  const { id: userId, email } = await make.user()
  await use([applied(some)], { userId, email })
  const as = ctx()
  await commit(as, promotions.stageErase(as, userId, email))
  expect(await customersOf()).toEqual([])
  expect(await usedOf(some.id)).toBe(1)
})
