import { DurableObject } from "cloudflare:workers"

import { createCtx } from "#context.ts"
import type { Id } from "#lib/id.ts"

import { Ledger } from "./ledger.ts"
import * as levels from "./levels.ts"
import {
  type Change,
  type Claim,
  defaultPolicy,
  type HoldId,
  type Line,
  type Movement,
  orderOf,
  type Policy,
  type Reserved,
  type Settled,
  type Shortage,
  type Snapshot,
} from "./stock.ts"

/** How long changes may gather before the projection in D1 follows. */
const projectionDelayMs = 1000
/** When a projection that failed is tried again. */
const projectionRetryMs = 10_000

/**
 * The stock of one product, and the only truth about it: one object a product, one thread, so that whatever happens
 * happens one after another. Every method is one synchronous block of SQL; nothing is awaited inside.
 *
 * What can be bought is computed at read from what is on hand and the live holds: a hold that has lapsed counts no
 * more, whether or not the alarm has swept it. Methods are idempotent by hold or key, since whoever calls may have to
 * call again.
 */
export class ProductStock extends DurableObject<Env> {
  readonly #ledger: Ledger
  /** When the alarm is due (ms), kept here so that it can be set in the same breath as the change it follows. */
  #alarmAt: number | null = null

  constructor(state: DurableObjectState, env: Env) {
    super(state, env)
    this.#ledger = new Ledger(state.storage.sql)
    void state.blockConcurrencyWhile(async () => {
      this.#alarmAt = await state.storage.getAlarm()
    })
  }

  /** What there is of each variant now. */
  read(): Snapshot {
    return {
      version: this.#ledger.meta()?.version ?? 0,
      levels: this.#ledger.levels(Date.now()),
    }
  }

  /**
   * Holds all the lines under `holdId` until `expiresAt` (ms), or none. Called again it replaces its own hold, which is how one is put off. What was
   * settled or cancelled before is left as it is.
   */
  reserve(
    productId: Id<"product">,
    holdId: HoldId,
    lines: readonly Line[],
    expiresAt: number,
  ): Reserved {
    return this.#change(productId, (now) => {
      if (this.#ledger.stateOf(holdId)) return { ok: true, snapshot: this.read() }
      this.#ledger.letGo(holdId)
      const short = this.#ledger.shortages(lines, now)
      if (short.length > 0) return { ok: false, short }
      this.#ledger.hold(holdId, lines, expiresAt)
      return { ok: true, snapshot: this.read() }
    })
  }

  /** Lets go of what is held under `holdId`. Of nothing is nothing. */
  release(productId: Id<"product">, holdId: HoldId): Snapshot {
    return this.#change(productId, () => {
      this.#ledger.letGo(holdId)
      return this.read()
    })
  }

  /**
   * Turns a hold into a sale. A hold that lapsed is taken anew if the stock is still there. The second time it is
   * nothing; for a cancelled order too.
   */
  settle(productId: Id<"product">, holdId: HoldId, lines: readonly Line[]): Settled {
    return this.#change(productId, (now) => {
      if (this.#ledger.stateOf(holdId)) return { ok: true, snapshot: this.read() }
      this.#ledger.letGo(holdId)
      const short = this.#ledger.shortages(lines, now)
      if (short.length > 0) return { ok: false, short }
      const sale: Change = { reason: "sale", note: "", actor: "system", key: `sale:${holdId}` }
      for (const { variantId, quantity } of lines)
        this.#ledger.move(variantId, -quantity, sale, orderOf(holdId), now)
      this.#ledger.setState(holdId, "sold")
      return { ok: true, snapshot: this.read() }
    })
  }

  /**
   * Takes an order back with all its changes: what is still sold returns, what was only held is free, and nothing is
   * held or sold for it again. Once.
   */
  cancel(productId: Id<"product">, orderId: Id<"order">): Snapshot {
    return this.#change(productId, (now) => {
      this.#ledger.letGoOfAll(orderId)
      const state = this.#ledger.stateOf(orderId)
      if (state === "returned" || state === "void") return this.read()
      const sold = this.#ledger.soldTo(orderId)
      const change: Change = {
        reason: "return",
        note: "order cancelled",
        actor: "system",
        key: `cancel:${orderId}`,
      }
      for (const { variantId, quantity } of sold)
        this.#ledger.move(variantId, quantity, change, orderId, now)
      this.#ledger.setState(orderId, state === "sold" || sold.length > 0 ? "returned" : "void")
      return this.read()
    })
  }

  /**
   * Takes back some of what was sold to an order; without `restock` it is written off at once. The same key again
   * changes nothing. Refused, whole, when more would come back than is still sold: `available` is what is.
   */
  takeBack(
    productId: Id<"product">,
    orderId: Id<"order">,
    key: string,
    lines: readonly Line[],
    restock: boolean,
  ): Reserved {
    return this.#change(productId, (now) => {
      if (this.#ledger.knows(key)) return { ok: true, snapshot: this.read() }
      const sold = new Map(
        this.#ledger.soldTo(orderId).map(({ variantId, quantity }) => [variantId, quantity]),
      )
      const short = lines.flatMap(({ variantId, quantity }): Shortage[] => {
        const left = sold.get(variantId) ?? 0
        return left < quantity ? [{ variantId, available: left }] : []
      })
      if (short.length > 0) return { ok: false, short }
      const back: Change = { reason: "return", note: "", actor: "system", key }
      const off: Change = { ...back, reason: "damaged", key: `${key}:damaged` }
      for (const { variantId, quantity } of lines) {
        this.#ledger.move(variantId, quantity, back, orderId, now)
        if (!restock) this.#ledger.move(variantId, -quantity, off, orderId, now)
      }
      return { ok: true, snapshot: this.read() }
    })
  }

  /**
   * Changes what is on hand by `delta`, or to `set`. The same key again changes nothing. Stock that live holds lay
   * claim to can be taken away (it is broken or gone), but never more than there is.
   */
  adjust(
    productId: Id<"product">,
    changes: readonly ({ variantId: Id<"variant"> } & ({ delta: number } | { set: number }))[],
    change: Change,
  ): Reserved {
    return this.#change(productId, (now) => {
      if (this.#ledger.knows(change.key)) return { ok: true, snapshot: this.read() }
      const onHand = new Map(
        this.#ledger.levels(now).map((level) => [level.variantId, level.onHand]),
      )
      const deltas = changes.map((one) => ({
        ...one,
        delta: "set" in one ? one.set - (onHand.get(one.variantId) ?? 0) : one.delta,
      }))
      const short = deltas.flatMap(({ variantId, delta }): Shortage[] => {
        const there = onHand.get(variantId) ?? 0
        // What was sold beyond the stock may be there still: only what takes away is refused.
        return delta < 0 && there + delta < 0 ? [{ variantId, available: Math.max(0, there) }] : []
      })
      if (short.length > 0) return { ok: false, short }
      for (const { variantId, delta } of deltas)
        this.#ledger.move(variantId, delta, change, null, now)
      return { ok: true, snapshot: this.read() }
    })
  }

  /** Sets how a variant's stock is watched; what is left out stays. What was sold already stays sold. */
  watch(productId: Id<"product">, variantId: Id<"variant">, changes: Partial<Policy>): Snapshot {
    return this.#change(productId, (now) => {
      const level = this.#ledger.levels(now).find((one) => one.variantId === variantId)
      this.#ledger.watch(variantId, { ...defaultPolicy, ...level, ...changes })
      return this.read()
    })
  }

  /**
   * The ledger of a variant, newest first, at most `limit` rows with ids below `before`, after the first `offset` of
   * them. The deltas of all add up to what is on hand.
   */
  movements(
    variantId: Id<"variant">,
    limit: number,
    before = Number.MAX_SAFE_INTEGER,
    offset = 0,
  ): Movement[] {
    return this.#ledger.movements(variantId, limit, before, offset)
  }

  /** How many rows the ledger of a variant has, counted up to `most`. */
  countMovements(variantId: Id<"variant">, most: number): number {
    return this.#ledger.countMovements(variantId, most)
  }

  /** For audits: each level with the sum of its movements, which it must equal, and who bought, by order id after this one. */
  audit(
    afterOrder: string,
    limit: number,
  ): {
    snapshot: Snapshot
    sums: { variantId: Id<"variant">; onHand: number; moved: number }[]
    buyers: Id<"order">[]
  } {
    return {
      snapshot: this.read(),
      sums: this.#ledger.sums(),
      buyers: this.#ledger.buyersAfter(afterOrder, limit),
    }
  }

  /** What these orders have of the product now. */
  claims(orderIds: readonly Id<"order">[]): Claim[] {
    return this.#ledger.claims(orderIds, Date.now())
  }

  /** Sweeps lapsed holds, brings the projection in D1 up to date and tells what has become low; until that works it comes back. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null
    const now = Date.now()
    const meta = this.#ledger.meta()
    if (!meta) return
    const productId = meta.product_id as Id<"product">
    if (this.#ledger.sweep(now) > 0) this.#ledger.nextVersion(productId)
    const snapshot = this.read()
    if (snapshot.version !== meta.projected) {
      const ctx = createCtx(this.env, {
        actor: { type: "system" },
        defer: (work) => this.ctx.waitUntil(work),
      })
      const low = this.#ledger.newlyLow(now)
      try {
        await levels.project(ctx, productId, snapshot, low)
        this.#ledger.setProjected(snapshot.version)
        this.#ledger.lowTold(low)
      } catch (error) {
        ctx.log.error("stock not projected", error, { product_id: productId })
        this.#wakeBy(Date.now() + projectionRetryMs)
      }
    }
    const next = this.#ledger.nextExpiry()
    if (next !== null) this.#wakeBy(next)
  }

  /** All or nothing, at one instant (ms); every change is a new version, and sets the alarm that projects it. */
  #change<T>(productId: Id<"product">, work: (now: number) => T): T {
    const result = this.ctx.storage.transactionSync(() => {
      this.#ledger.nextVersion(productId)
      return work(Date.now())
    })
    // Any hold is swept by the alarm that follows the projection.
    this.#wakeBy(Date.now() + projectionDelayMs)
    return result
  }

  /** Sets the alarm unless it is due sooner. Not awaited: the runtime writes it with the change, and holds the answer back until both are durable. */
  #wakeBy(at: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= at) return
    this.#alarmAt = at
    void this.ctx.storage.setAlarm(at)
  }
}
