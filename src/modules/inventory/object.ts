import { DurableObject } from "cloudflare:workers"

import { createCtx } from "#context.ts"
import type { Id } from "#lib/id.ts"

import * as inventory from "./inventory.ts"
import type {
  Level,
  Line,
  Movement,
  MovementReason,
  Reserved,
  Settled,
  Shortage,
  Snapshot,
} from "./stock.ts"

/** How long changes may gather before the projection in D1 follows. */
const projectionDelayMs = 1000
/** When a projection that failed is tried again. */
const projectionRetryMs = 10_000

type Change = { reason: MovementReason; note: string; actor: string; key: string }

/**
 * The stock of one product, and the only truth about it: one object a product, one thread, so that whatever happens
 * happens one after another. Every method is one synchronous block of SQL; nothing is awaited inside.
 *
 * `available = on_hand − Σ live holds`, computed at read: a hold that has lapsed counts no more, whether or not the
 * alarm has swept it. Methods are idempotent by order id or key, since whoever calls may have to call again.
 */
export class ProductStock extends DurableObject<Env> {
  readonly #sql: SqlStorage
  /** When the alarm is due (ms), kept here so that it can be set in the same breath as the change it follows. */
  #alarmAt: number | null = null

  constructor(state: DurableObjectState, env: Env) {
    super(state, env)
    this.#sql = state.storage.sql
    void state.blockConcurrencyWhile(async () => {
      this.#alarmAt = await state.storage.getAlarm()
    })
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS levels (variant_id TEXT PRIMARY KEY, on_hand INTEGER NOT NULL CHECK (on_hand >= 0));
      CREATE TABLE IF NOT EXISTS holds (
        order_id TEXT NOT NULL, variant_id TEXT NOT NULL, quantity INTEGER NOT NULL CHECK (quantity > 0), expires_at INTEGER NOT NULL,
        PRIMARY KEY (order_id, variant_id));
      CREATE INDEX IF NOT EXISTS holds_variant ON holds (variant_id, expires_at);
      CREATE INDEX IF NOT EXISTS holds_expiry ON holds (expires_at);
      CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('sold', 'returned', 'void')));
      CREATE TABLE IF NOT EXISTS movements (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, variant_id TEXT NOT NULL, delta INTEGER NOT NULL, on_hand INTEGER NOT NULL,
        reason TEXT NOT NULL, order_id TEXT, note TEXT NOT NULL, actor TEXT NOT NULL, created_at TEXT NOT NULL,
        UNIQUE (key, variant_id));
      CREATE INDEX IF NOT EXISTS movements_variant ON movements (variant_id, id);
      CREATE INDEX IF NOT EXISTS movements_order ON movements (order_id);
      CREATE TABLE IF NOT EXISTS meta (one INTEGER PRIMARY KEY CHECK (one = 1), product_id TEXT NOT NULL, version INTEGER NOT NULL, projected INTEGER NOT NULL);
    `)
  }

  /** What there is of each variant now. */
  read(): Snapshot {
    const now = Date.now()
    const rows = this.#sql.exec<{ variant_id: string; on_hand: number; held: number }>(
      `SELECT variant_id, on_hand, (SELECT coalesce(sum(quantity), 0) FROM holds WHERE holds.variant_id = levels.variant_id AND expires_at > ?) AS held
       FROM levels ORDER BY variant_id`,
      now,
    )
    const levels = rows.toArray().map((row): Level => ({
      variantId: row.variant_id as Id<"variant">,
      onHand: row.on_hand,
      held: row.held,
      available: row.on_hand - row.held,
    }))
    return { version: this.#meta()?.version ?? 0, levels }
  }

  /**
   * Holds all the lines for an order until `expiresAt` (ms), or none. Called again it replaces the order's own hold.
   * An order that was settled or cancelled before is left as it is.
   */
  reserve(
    productId: Id<"product">,
    orderId: Id<"order">,
    lines: readonly Line[],
    expiresAt: number,
  ): Reserved {
    return this.#change(productId, () => {
      if (this.#stateOf(orderId)) return { ok: true, snapshot: this.read() }
      this.#sql.exec("DELETE FROM holds WHERE order_id = ?", orderId)
      const short = this.#shortages(lines)
      if (short.length > 0) return { ok: false, short }
      for (const { variantId, quantity } of lines) {
        this.#sql.exec(
          "INSERT INTO holds (order_id, variant_id, quantity, expires_at) VALUES (?, ?, ?, ?)",
          orderId,
          variantId,
          quantity,
          expiresAt,
        )
      }
      return { ok: true, snapshot: this.read() }
    })
  }

  /** Lets go of what is held for an order. Of nothing is nothing. */
  release(productId: Id<"product">, orderId: Id<"order">): Snapshot {
    return this.#change(productId, () => {
      this.#sql.exec("DELETE FROM holds WHERE order_id = ?", orderId)
      return this.read()
    })
  }

  /**
   * Turns an order's hold into a sale. A hold that lapsed is taken anew if the stock is still there. The second time
   * it is nothing; for a cancelled order too.
   */
  settle(productId: Id<"product">, orderId: Id<"order">, lines: readonly Line[]): Settled {
    return this.#change(productId, () => {
      if (this.#stateOf(orderId)) return { ok: true, snapshot: this.read() }
      this.#sql.exec("DELETE FROM holds WHERE order_id = ?", orderId)
      const short = this.#shortages(lines)
      if (short.length > 0) return { ok: false, short }
      for (const { variantId, quantity } of lines) {
        this.#move(
          variantId,
          -quantity,
          { reason: "sale", note: "", actor: "system", key: `sale:${orderId}` },
          orderId,
        )
      }
      this.#sql.exec("INSERT INTO orders (order_id, state) VALUES (?, 'sold')", orderId)
      return { ok: true, snapshot: this.read() }
    })
  }

  /** Takes an order back: what was sold returns, what was only held is free, and nothing is held or sold for it again. Once. */
  cancel(productId: Id<"product">, orderId: Id<"order">): Snapshot {
    return this.#change(productId, () => {
      this.#sql.exec("DELETE FROM holds WHERE order_id = ?", orderId)
      const state = this.#stateOf(orderId)
      if (state === "sold") {
        const sold = this.#sql
          .exec<{ variant_id: string; delta: number }>(
            "SELECT variant_id, delta FROM movements WHERE key = ?",
            `sale:${orderId}`,
          )
          .toArray()
        for (const { variant_id, delta } of sold) {
          this.#move(
            variant_id,
            -delta,
            {
              reason: "return",
              note: "order cancelled",
              actor: "system",
              key: `cancel:${orderId}`,
            },
            orderId,
          )
        }
        this.#sql.exec("UPDATE orders SET state = 'returned' WHERE order_id = ?", orderId)
      } else if (!state) {
        this.#sql.exec("INSERT INTO orders (order_id, state) VALUES (?, 'void')", orderId)
      }
      return this.read()
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
    return this.#change(productId, () => {
      const known =
        this.#sql.exec("SELECT 1 FROM movements WHERE key = ? LIMIT 1", change.key).toArray()
          .length > 0
      if (known) return { ok: true, snapshot: this.read() }
      const onHand = new Map(this.read().levels.map((level) => [level.variantId, level.onHand]))
      const deltas = changes.map((one) => ({
        ...one,
        delta: "set" in one ? one.set - (onHand.get(one.variantId) ?? 0) : one.delta,
      }))
      const short = deltas.flatMap(({ variantId, delta }): Shortage[] =>
        (onHand.get(variantId) ?? 0) + delta < 0
          ? [{ variantId, available: onHand.get(variantId) ?? 0 }]
          : [],
      )
      if (short.length > 0) return { ok: false, short }
      for (const { variantId, delta } of deltas) this.#move(variantId, delta, change)
      return { ok: true, snapshot: this.read() }
    })
  }

  /** The ledger of a variant, newest first, at most `limit` rows with ids below `before`. The deltas of all add up to what is on hand. */
  movements(variantId: Id<"variant">, limit: number, before = Number.MAX_SAFE_INTEGER): Movement[] {
    const rows = this.#sql.exec<Movement>(
      "SELECT id, delta, on_hand, reason, order_id, note, actor, created_at FROM movements WHERE variant_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
      variantId,
      before,
      limit,
    )
    return rows.toArray()
  }

  /** Sweeps lapsed holds and brings the projection in D1 up to date; until that works it comes back. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null
    const lapsed = this.#sql
      .exec("DELETE FROM holds WHERE expires_at <= ? RETURNING 1", Date.now())
      .toArray().length
    if (lapsed > 0) this.#sql.exec("UPDATE meta SET version = version + 1")
    const meta = this.#meta()
    if (meta && meta.version !== meta.projected) {
      const ctx = createCtx(this.env, {
        actor: { type: "system" },
        defer: (work) => this.ctx.waitUntil(work),
      })
      try {
        await inventory.project(ctx, meta.product_id as Id<"product">, this.read())
        this.#sql.exec("UPDATE meta SET projected = max(projected, ?)", meta.version)
      } catch (error) {
        ctx.log.error("stock not projected", error, { product_id: meta.product_id })
        this.#wakeBy(Date.now() + projectionRetryMs)
      }
    }
    const [next] = this.#sql
      .exec<{ at: number | null }>("SELECT min(expires_at) AS at FROM holds")
      .toArray()
    if (typeof next?.at === "number") this.#wakeBy(next.at)
  }

  /** All or nothing; every change is a new version, and sets the alarm that projects it. */
  #change<T>(productId: Id<"product">, work: () => T): T {
    const result = this.ctx.storage.transactionSync(() => {
      this.#sql.exec(
        "INSERT INTO meta (one, product_id, version, projected) VALUES (1, ?, 1, 0) ON CONFLICT (one) DO UPDATE SET version = version + 1",
        productId,
      )
      return work()
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

  #shortages(lines: readonly Line[]): Shortage[] {
    const available = new Map(this.read().levels.map((level) => [level.variantId, level.available]))
    return lines.flatMap(({ variantId, quantity }) => {
      const left = Math.max(0, available.get(variantId) ?? 0)
      return left < quantity ? [{ variantId, available: left }] : []
    })
  }

  #move(
    variantId: string,
    delta: number,
    { reason, note, actor, key }: Change,
    orderId: string | null = null,
  ): void {
    // Two steps: an upsert would check a negative delta as if it were the level.
    this.#sql.exec(
      "INSERT INTO levels (variant_id, on_hand) VALUES (?, 0) ON CONFLICT DO NOTHING",
      variantId,
    )
    this.#sql.exec("UPDATE levels SET on_hand = on_hand + ? WHERE variant_id = ?", delta, variantId)
    this.#sql.exec(
      `INSERT INTO movements (key, variant_id, delta, on_hand, reason, order_id, note, actor, created_at)
       VALUES (?, ?, ?, (SELECT on_hand FROM levels WHERE variant_id = ?), ?, ?, ?, ?, ?)`,
      key,
      variantId,
      delta,
      variantId,
      reason,
      orderId,
      note,
      actor,
      new Date().toISOString(),
    )
  }

  #stateOf(orderId: Id<"order">): string | undefined {
    return this.#sql
      .exec<{ state: string }>("SELECT state FROM orders WHERE order_id = ?", orderId)
      .toArray()[0]?.state
  }

  #meta(): { product_id: string; version: number; projected: number } | undefined {
    return this.#sql
      .exec<{ product_id: string; version: number; projected: number }>(
        "SELECT product_id, version, projected FROM meta",
      )
      .toArray()[0]
  }
}
