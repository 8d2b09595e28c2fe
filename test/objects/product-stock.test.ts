import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import fc from "fast-check"
import { describe, expect, it, vi } from "vitest"

import type { Id } from "#lib/id.ts"
import * as levels from "#modules/inventory/levels.ts"
import type { ProductStock } from "#modules/inventory/object.ts"
import { defaultPolicy } from "#modules/inventory/stock.ts"

import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { orderId, rows, type Stock, stockObject, stockOf } from "../support/shop.ts"

const product = "prd_test" as Id<"product">
const small = "var_small" as Id<"variant">
const large = "var_large" as Id<"variant">
/** Far ahead: alarms go by the machine's own clock, so that none fires while a test goes by this one. */
const noon = new Date("2099-03-01T12:00:00.000Z")
const minute = 60_000
const inHalfAnHour = noon.getTime() + 30 * minute

function at(minutesAfterNoon: number): void {
  vi.setSystemTime(noon.getTime() + minutesAfterNoon * minute)
}

/** A stock object with these on hand; the clock stands at noon. */
async function stocked(levels: Record<string, number>, name: string = product): Promise<Stock> {
  vi.useFakeTimers({ toFake: ["Date"], now: noon })
  const stock = stockObject(name)
  const changes = Object.entries(levels).map(([variantId, set]) => ({
    variantId: variantId as Id<"variant">,
    set,
  }))
  await stock.adjust(product, changes, {
    reason: "restock",
    note: "",
    actor: "test",
    key: "first",
  })
  return stock
}

const line = (variantId: Id<"variant">, quantity: number) => ({ variantId, quantity })
const level = (variantId: string) => stockOf(product, variantId)

async function deltasOf(stock: Stock, variantId: Id<"variant">): Promise<number[]> {
  return (await stock.movements(variantId, 1000)).map(({ delta }) => delta).toReversed()
}

describe("holding stock", () => {
  it("counts as available what is on hand and not held", async () => {
    const stock = await stocked({ [small]: 10 })
    await stock.reserve(product, orderId(), [line(small, 3)], inHalfAnHour)
    await stock.reserve(product, orderId(), [line(small, 4)], inHalfAnHour)
    expect(await level(small)).toEqual({ onHand: 10, held: 7, available: 3 })
  })

  it("holds every line of an order or none, and names each that is short", async () => {
    const stock = await stocked({ [small]: 5, [large]: 1 })
    const refused = await stock.reserve(
      product,
      orderId(),
      [line(small, 2), line(large, 2), line("var_none" as Id<"variant">, 1)],
      inHalfAnHour,
    )
    expect(refused).toEqual({
      ok: false,
      short: [
        { variantId: "var_large", available: 1 },
        { variantId: "var_none", available: 0 },
      ],
    })
    expect(await level(small)).toEqual({ onHand: 5, held: 0, available: 5 })
  })

  it("replaces an order's own hold when it reserves again", async () => {
    const stock = await stocked({ [small]: 5 })
    const id = orderId()
    await stock.reserve(product, id, [line(small, 4)], inHalfAnHour)
    const again = await stock.reserve(product, id, [line(small, 5)], inHalfAnHour)
    expect(again.ok).toBe(true)
    expect(await level(small)).toEqual({ onHand: 5, held: 5, available: 0 })
    await stock.reserve(product, id, [line(small, 1)], inHalfAnHour)
    expect(await level(small)).toEqual({ onHand: 5, held: 1, available: 4 })
  })

  it("counts a lapsed hold no more, though no alarm has swept it", async () => {
    const stock = await stocked({ [small]: 5 })
    await stock.reserve(product, orderId(), [line(small, 5)], inHalfAnHour)
    at(29.99)
    expect((await level(small)).available).toBe(0)
    at(30)
    expect(await level(small)).toEqual({ onHand: 5, held: 0, available: 5 })
    const held = await runInDurableObject(stock, (_, state) =>
      state.storage.sql.exec("SELECT count(*) AS n FROM holds").one(),
    )
    expect(held).toEqual({ n: 1 })
    const next = await stock.reserve(product, orderId(), [line(small, 5)], inHalfAnHour + minute)
    expect(next.ok).toBe(true)
  })

  it("lets go of a hold, and of nothing is nothing", async () => {
    const stock = await stocked({ [small]: 5 })
    const id = orderId()
    await stock.reserve(product, id, [line(small, 5)], inHalfAnHour)
    await stock.release(product, orderId())
    expect((await level(small)).available).toBe(0)
    await stock.release(product, id)
    await stock.release(product, id)
    expect(await level(small)).toEqual({ onHand: 5, held: 0, available: 5 })
    expect(await deltasOf(stock, small)).toEqual([5])
  })

  it("gives 50 who reserve at once exactly the 20 pieces there are", async () => {
    const stock = await stocked({ [small]: 20 })
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        stock.reserve(product, orderId(), [line(small, 1)], inHalfAnHour),
      ),
    )
    expect(answers.filter(({ ok }) => ok)).toHaveLength(20)
    expect(await level(small)).toEqual({ onHand: 20, held: 20, available: 0 })
  })
})

describe("selling", () => {
  it("sells what an order holds, once", async () => {
    const stock = await stocked({ [small]: 5, [large]: 5 })
    const id = orderId()
    const lines = [line(small, 2), line(large, 1)]
    await stock.reserve(product, id, lines, inHalfAnHour)
    const answers = await Promise.all([1, 2, 3].map(() => stock.settle(product, id, lines)))
    expect(answers.every(({ ok }) => ok)).toBe(true)
    expect(await level(small)).toEqual({ onHand: 3, held: 0, available: 3 })
    expect(await level(large)).toEqual({ onHand: 4, held: 0, available: 4 })
    expect(await stock.movements(small, 10)).toMatchObject([
      { delta: -2, on_hand: 3, reason: "sale", order_id: id, actor: "system" },
      { delta: 5, on_hand: 5, reason: "restock", order_id: null, actor: "test" },
    ])
  })

  it("takes a lapsed hold anew while the stock is still there", async () => {
    const stock = await stocked({ [small]: 5 })
    const id = orderId()
    await stock.reserve(product, id, [line(small, 5)], inHalfAnHour)
    at(40)
    expect((await stock.settle(product, id, [line(small, 5)])).ok).toBe(true)
    expect(await level(small)).toEqual({ onHand: 0, held: 0, available: 0 })
  })

  it("refuses a lapsed hold whose stock somebody else holds by now, and sells none of its lines", async () => {
    const stock = await stocked({ [small]: 5, [large]: 5 })
    const late = orderId()
    const lines = [line(small, 5), line(large, 1)]
    await stock.reserve(product, late, lines, inHalfAnHour)
    at(40)
    await stock.reserve(product, orderId(), [line(small, 4)], inHalfAnHour + 60 * minute)
    expect(await stock.settle(product, late, lines)).toEqual({
      ok: false,
      short: [{ variantId: "var_small", available: 1 }],
    })
    expect(await level(large)).toEqual({ onHand: 5, held: 0, available: 5 })
  })

  it("never sells what another order holds", async () => {
    const stock = await stocked({ [small]: 3 })
    await stock.reserve(product, orderId(), [line(small, 2)], inHalfAnHour)
    expect((await stock.settle(product, orderId(), [line(small, 2)])).ok).toBe(false)
    expect((await level(small)).onHand).toBe(3)
  })
})

describe("taking an order back", () => {
  it("returns what was sold exactly once", async () => {
    const stock = await stocked({ [small]: 5, [large]: 2 })
    const id = orderId()
    const lines = [line(small, 3), line(large, 2)]
    await stock.reserve(product, id, lines, inHalfAnHour)
    await stock.settle(product, id, lines)
    await Promise.all(Array.from({ length: 10 }, () => stock.cancel(product, id)))
    expect(await level(small)).toEqual({ onHand: 5, held: 0, available: 5 })
    expect(await level(large)).toEqual({ onHand: 2, held: 0, available: 2 })
    expect(await deltasOf(stock, small)).toEqual([5, -3, 3])
  })

  it("voids an order that was only held: a late settle or reserve does nothing", async () => {
    const stock = await stocked({ [small]: 5 })
    const id = orderId()
    await stock.reserve(product, id, [line(small, 3)], inHalfAnHour)
    await stock.cancel(product, id)
    await stock.settle(product, id, [line(small, 3)])
    await stock.reserve(product, id, [line(small, 3)], inHalfAnHour)
    expect(await level(small)).toEqual({ onHand: 5, held: 0, available: 5 })
    expect(await deltasOf(stock, small)).toEqual([5])
  })

  it("does not sell an order again that was sold and taken back", async () => {
    const stock = await stocked({ [small]: 5 })
    const id = orderId()
    await stock.settle(product, id, [line(small, 3)])
    await stock.cancel(product, id)
    await stock.settle(product, id, [line(small, 3)])
    expect((await level(small)).onHand).toBe(5)
  })
})

describe("counting and restocking", () => {
  const change = (key: string) => ({
    reason: "correction" as const,
    note: "counted",
    actor: "usr_clerk",
    key,
  })

  it("changes the stock once for each key", async () => {
    const stock = await stocked({ [small]: 5 })
    await stock.adjust(product, [{ variantId: small, delta: 3 }], change("a"))
    await stock.adjust(product, [{ variantId: small, delta: 3 }], change("a"))
    expect((await level(small)).onHand).toBe(8)
    await stock.adjust(product, [{ variantId: small, set: 2 }], change("b"))
    await stock.adjust(product, [{ variantId: small, delta: 4 }], change("c"))
    await stock.adjust(product, [{ variantId: small, set: 2 }], change("b"))
    expect((await level(small)).onHand).toBe(6)
    expect(await deltasOf(stock, small)).toEqual([5, 3, -6, 4])
  })

  it("never goes below zero, and changes no line when one would", async () => {
    const stock = await stocked({ [small]: 5, [large]: 1 })
    const refused = await stock.adjust(
      product,
      [
        { variantId: small, delta: -5 },
        { variantId: large, delta: -2 },
      ],
      change("a"),
    )
    expect(refused).toEqual({ ok: false, short: [{ variantId: "var_large", available: 1 }] })
    expect((await level(small)).onHand).toBe(5)
    // What was refused may be sent again, corrected, under its key.
    await stock.adjust(product, [{ variantId: small, delta: -5 }], change("a"))
    expect((await level(small)).onHand).toBe(0)
  })

  it("may take away what is held, for broken is broken: nobody can buy it then", async () => {
    const stock = await stocked({ [small]: 5 })
    const id = orderId()
    await stock.reserve(product, id, [line(small, 4)], inHalfAnHour)
    await stock.adjust(product, [{ variantId: small, delta: -3 }], change("a"))
    expect(await level(small)).toEqual({ onHand: 2, held: 4, available: -2 })
    expect((await stock.reserve(product, orderId(), [line(small, 1)], inHalfAnHour)).ok).toBe(false)
    expect(await stock.settle(product, id, [line(small, 4)])).toEqual({
      ok: false,
      short: [{ variantId: "var_small", available: 2 }],
    })
  })

  it("reads the ledger newest first, a stretch at a time", async () => {
    const stock = await stocked({ [small]: 1 })
    for (const key of ["a", "b", "c"])
      await stock.adjust(product, [{ variantId: small, delta: 1 }], change(key))
    const newest = await stock.movements(small, 3)
    expect(newest.map(({ on_hand }) => on_hand)).toEqual([4, 3, 2])
    const older = await stock.movements(small, 3, newest.at(-1)?.id)
    expect(older).toMatchObject([
      { delta: 1, on_hand: 1, created_at: "2099-03-01T12:00:00.000Z", actor: "test" },
    ])
  })
})

describe("surviving", () => {
  it("keeps stock, holds and alarm when the object is evicted", async () => {
    const stock = await stocked({ [small]: 5 })
    const id = orderId()
    await stock.reserve(product, id, [line(small, 2)], inHalfAnHour)
    await evictDurableObject(stock)
    expect(await level(small)).toEqual({ onHand: 5, held: 2, available: 3 })
    const alarm = await runInDurableObject(stock, (_, state) => state.storage.getAlarm())
    expect(alarm).toBe(noon.getTime() + 1000)
    await stock.settle(product, id, [line(small, 2)])
    await evictDurableObject(stock)
    await stock.settle(product, id, [line(small, 2)])
    expect(await level(small)).toEqual({ onHand: 3, held: 0, available: 3 })
  })

  it("sweeps lapsed holds by alarm, at the time the first of them lapses", async () => {
    const stock = await stocked({ [small]: 5 })
    await stock.reserve(product, orderId(), [line(small, 2)], inHalfAnHour)
    await stock.reserve(product, orderId(), [line(small, 1)], inHalfAnHour + 10 * minute)
    expect(await runDurableObjectAlarm(stock)).toBe(true)
    const next = await runInDurableObject(stock, (_, state) => state.storage.getAlarm())
    expect(next).toBe(inHalfAnHour)
    at(30)
    const before = (await stock.read()).version
    expect(await runDurableObjectAlarm(stock)).toBe(true)
    const left = await runInDurableObject(stock, (_, state) =>
      state.storage.sql.exec("SELECT quantity FROM holds").toArray(),
    )
    expect(left).toEqual([{ quantity: 1 }])
    expect((await stock.read()).version).toBe(before + 1)
    at(41)
    await runDurableObjectAlarm(stock)
    expect(await runInDurableObject(stock, (_, state) => state.storage.getAlarm())).toBeNull()
  })
})

describe("showing the stock in the catalogue", () => {
  const listed = async (id: string) => {
    const [row] = await rows("SELECT stock_quantity, stock_version FROM products WHERE id = ?", id)
    return row
  }
  const bump = { reason: "restock" as const, note: "", actor: "test" }

  it("brings lists up to date by alarm, with what can be bought", async () => {
    const made = await make.product({ stock_quantity: 5 })
    const stock = stockObject(made.id)
    await stock.reserve(made.id, orderId(), [line(made.id as never, 2)], Date.now() + 30 * minute)
    expect(await listed(made.id)).toMatchObject({ stock_quantity: 5 })
    await runDurableObjectAlarm(stock)
    expect(await listed(made.id)).toEqual({
      stock_quantity: 3,
      stock_version: (await stock.read()).version,
    })
  })

  it("shows the variants of a product each, and their sum", async () => {
    const made = await make.product({
      options: [{ name: "Size", values: ["S", "L"] }],
      variants: [
        { options: { Size: "S" }, stock_quantity: 2 },
        { options: { Size: "L" }, stock_quantity: 4 },
      ],
    })
    const stock = stockObject(made.id)
    const [first] = made.variants
    await stock.adjust(made.id, [{ variantId: first!.id, delta: 5 }], { ...bump, key: "more" })
    await runDurableObjectAlarm(stock)
    expect(await listed(made.id)).toMatchObject({ stock_quantity: 11 })
    expect(
      await rows(
        "SELECT stock_quantity FROM variants WHERE product_id = ? ORDER BY position",
        made.id,
      ),
    ).toEqual([{ stock_quantity: 0 }, { stock_quantity: 7 }, { stock_quantity: 4 }])
  })

  it("never overwrites a later version with an earlier one", async () => {
    const made = await make.product({ stock_quantity: 5 })
    const stock = stockObject(made.id)
    const own = made.id as string as Id<"variant">
    const early = await stock.read()
    await stock.adjust(made.id, [{ variantId: own, delta: 4 }], { ...bump, key: "more" })
    const late = await stock.read()
    const as = ctx()
    await levels.project(as, made.id, late)
    await levels.project(as, made.id, early)
    expect(await listed(made.id)).toEqual({ stock_quantity: 9, stock_version: late.version })
    expect(await rows("SELECT stock_quantity FROM variants WHERE id = ?", made.id)).toEqual([
      { stock_quantity: 9 },
    ])
  })

  it("tries a projection again that failed", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    const made = await make.product({ stock_quantity: 5 })
    const stock = stockObject(made.id)
    const own = made.id as string as Id<"variant">
    await runDurableObjectAlarm(stock)
    await env.DB.exec(
      "CREATE TRIGGER broken BEFORE UPDATE ON products BEGIN SELECT RAISE(ABORT, 'broken'); END",
    )
    await stock.adjust(made.id, [{ variantId: own, delta: 2 }], { ...bump, key: "more" })
    const before = Date.now()
    await runDurableObjectAlarm(stock)
    expect(await listed(made.id)).toMatchObject({ stock_quantity: 5 })
    const next = await runInDurableObject(stock, (_, state) => state.storage.getAlarm())
    expect(next).toBeGreaterThanOrEqual(before + 10_000)
    await env.DB.exec("DROP TRIGGER broken")
    expect(await runDurableObjectAlarm(stock)).toBe(true)
    expect(await listed(made.id)).toMatchObject({ stock_quantity: 7 })
    expect(await runInDurableObject(stock, (_, state) => state.storage.getAlarm())).toBeNull()
  })

  it("shows no less than zero where more is held than there is", async () => {
    const made = await make.product({ stock_quantity: 5 })
    const stock = stockObject(made.id)
    const own = made.id as string as Id<"variant">
    await stock.reserve(made.id, orderId(), [line(own, 4)], Date.now() + 30 * minute)
    await stock.adjust(made.id, [{ variantId: own, set: 1 }], { ...bump, key: "broken" })
    await runDurableObjectAlarm(stock)
    expect(await listed(made.id)).toMatchObject({ stock_quantity: 0 })
  })
})

describe("whatever happens in whatever order", { timeout: 60_000 }, () => {
  type Model = {
    now: number
    onHand: Record<string, number>
    stockedEver: number
    sold: number
    holds: Map<string, { lines: Record<string, number>; expires: number }>
    orders: Map<string, { state: "sold" | "returned" | "void"; lines: Record<string, number> }>
    keys: Set<string>
  }
  const variants = [small, large]
  const orderIds = ["ord_a", "ord_b", "ord_c", "ord_d"] as Id<"order">[]

  const heldOf = (model: Model, variant: string) =>
    [...model.holds.values()]
      .filter(({ expires }) => expires > model.now)
      .reduce((sum, { lines }) => sum + (lines[variant] ?? 0), 0)
  const availableOf = (model: Model, variant: string) =>
    (model.onHand[variant] ?? 0) - heldOf(model, variant)
  const fits = (model: Model, lines: Record<string, number>) =>
    Object.entries(lines).every(
      ([variant, quantity]) => Math.max(0, availableOf(model, variant)) >= quantity,
    )
  const asLines = (lines: Record<string, number>) =>
    Object.entries(lines).map(([variantId, quantity]) => line(variantId as Id<"variant">, quantity))

  const someOrder = fc.constantFrom(...orderIds)
  const someLines = fc
    .record({ [small]: fc.integer({ min: 0, max: 4 }), [large]: fc.integer({ min: 0, max: 4 }) })
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, n]) => n > 0)))
    .filter((lines) => Object.keys(lines).length > 0)

  type Step =
    | { do: "reserve"; id: Id<"order">; lines: Record<string, number>; minutes: number }
    | { do: "settle"; id: Id<"order">; lines: Record<string, number> }
    | { do: "release"; id: Id<"order"> }
    | { do: "cancel"; id: Id<"order"> }
    | { do: "adjust"; variant: Id<"variant">; delta: number; key: string }
    | { do: "wait"; minutes: number }
    | { do: "sweep" }
  const orderSteps: fc.Arbitrary<Step>[] = [
    fc.record({
      do: fc.constant("reserve" as const),
      id: someOrder,
      lines: someLines,
      minutes: fc.integer({ min: 1, max: 20 }),
    }),
    fc.record({ do: fc.constant("settle" as const), id: someOrder, lines: someLines }),
    fc.record({ do: fc.constant("release" as const), id: someOrder }),
    fc.record({ do: fc.constant("cancel" as const), id: someOrder }),
    fc.record({ do: fc.constant("wait" as const), minutes: fc.integer({ min: 1, max: 15 }) }),
    fc.constant<Step>({ do: "sweep" }),
  ]
  const adjustSteps: fc.Arbitrary<Step> = fc.record({
    do: fc.constant("adjust" as const),
    variant: fc.constantFrom(...variants),
    delta: fc.integer({ min: -6, max: 6 }),
    key: fc.constantFrom("k1", "k2", "k3", "k4", "k5"),
  })

  /** Does a step to the object and to the model; the answer must be the model's. */
  async function run(stock: Stock, model: Model, step: Step): Promise<void> {
    if (step.do === "wait") {
      model.now += step.minutes * minute
      vi.setSystemTime(model.now)
    } else if (step.do === "sweep") {
      await runDurableObjectAlarm(stock)
    } else if (step.do === "reserve") {
      const expires = model.now + step.minutes * minute
      const answer = await stock.reserve(product, step.id, asLines(step.lines), expires)
      if (model.orders.has(step.id)) return expect(answer.ok).toBe(true)
      model.holds.delete(step.id)
      const ok = fits(model, step.lines)
      if (ok) model.holds.set(step.id, { lines: step.lines, expires })
      expect(answer.ok).toBe(ok)
    } else if (step.do === "release") {
      await stock.release(product, step.id)
      model.holds.delete(step.id)
    } else if (step.do === "settle") {
      const answer = await stock.settle(product, step.id, asLines(step.lines))
      if (model.orders.has(step.id)) return expect(answer.ok).toBe(true)
      model.holds.delete(step.id)
      const ok = fits(model, step.lines)
      expect(answer.ok).toBe(ok)
      if (!ok) return
      model.orders.set(step.id, { state: "sold", lines: step.lines })
      for (const [variant, quantity] of Object.entries(step.lines)) {
        model.onHand[variant] = (model.onHand[variant] ?? 0) - quantity
        model.sold += quantity
      }
    } else if (step.do === "cancel") {
      await stock.cancel(product, step.id)
      model.holds.delete(step.id)
      const known = model.orders.get(step.id)
      if (!known) return void model.orders.set(step.id, { state: "void", lines: {} })
      if (known.state !== "sold") return
      known.state = "returned"
      for (const [variant, quantity] of Object.entries(known.lines)) {
        model.onHand[variant] = (model.onHand[variant] ?? 0) + quantity
        model.sold -= quantity
      }
    } else {
      const { variant, delta, key } = step
      const answer = await stock.adjust(product, [{ variantId: variant, delta }], {
        reason: "correction",
        note: "",
        actor: "test",
        key,
      })
      if (model.keys.has(key)) return expect(answer.ok).toBe(true)
      const ok = (model.onHand[variant] ?? 0) + delta >= 0
      expect(answer.ok).toBe(ok)
      if (!ok) return
      model.keys.add(key)
      model.onHand[variant] = (model.onHand[variant] ?? 0) + delta
      model.stockedEver += delta
    }
  }

  async function check(stock: Stock, model: Model): Promise<void> {
    const [levels, sums] = await runInDurableObject(stock, (object: ProductStock, state) => [
      object.read().levels,
      state.storage.sql
        .exec("SELECT variant_id, sum(delta) AS n FROM movements GROUP BY variant_id ORDER BY 1")
        .toArray(),
    ])
    const onHand = (variant: string) => model.onHand[variant] ?? 0
    expect(levels).toEqual(
      variants.toSorted().map((variantId) => ({
        variantId,
        onHand: onHand(variantId),
        held: heldOf(model, variantId),
        available: availableOf(model, variantId),
        ...defaultPolicy,
      })),
    )
    expect(sums).toEqual(variants.toSorted().map((id) => ({ variant_id: id, n: onHand(id) })))
    expect(model.sold).toBeLessThanOrEqual(model.stockedEver)
  }

  let runs = 0

  async function play(
    steps: readonly Step[],
    after: (stock: Stock, model: Model) => Promise<void>,
  ): Promise<void> {
    const stock = await stocked({ [small]: 6, [large]: 5 }, `prd_run${++runs}`)
    const model: Model = {
      now: noon.getTime(),
      onHand: { [small]: 6, [large]: 5 },
      stockedEver: 11,
      sold: 0,
      holds: new Map(),
      orders: new Map(),
      keys: new Set(),
    }
    for (const step of steps) {
      await run(stock, model, step)
      await after(stock, model)
    }
  }

  it("keeps a ledger that adds up to what is on hand, and sells no more than was stocked", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(...orderSteps, adjustSteps), { minLength: 5, maxLength: 25 }),
        (steps) => play(steps, check),
      ),
      { numRuns: 30 },
    )
  })

  it("never has less than nothing to sell, as long as only orders take from it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(...orderSteps), { minLength: 5, maxLength: 25 }),
        (steps) =>
          play(steps, async (stock) => {
            for (const { available } of (await stock.read()).levels)
              expect(available).toBeGreaterThanOrEqual(0)
          }),
      ),
      { numRuns: 30 },
    )
  })
})
