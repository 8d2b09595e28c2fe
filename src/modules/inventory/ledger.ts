import type { Id } from "#lib/id.ts"

import {
  type Change,
  type Claim,
  defaultPolicy,
  type HoldId,
  type Level,
  type Line,
  type Movement,
  orderOf,
  plenty,
  type Policy,
  type Shortage,
} from "./stock.ts"

/** Below this nothing goes, whether or not it is tracked: the columns hold exact integers. */
const lowest = -1_000_000_000

type LevelRow = {
  variant_id: string
  on_hand: number
  held: number
  tracked: number
  backorder_limit: number
  low_at: number
}

/**
 * The tables of one stock object, and what is read and written in them. All of it is synchronous: whoever calls does so
 * in a transaction.
 *
 * `movements` is append-only, and the sum of a variant's deltas is what is on hand of it. `floor` is what `on_hand` may
 * not fall below: zero, less what may be back-ordered, or what it was when less was allowed.
 */
export class Ledger {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS stock (
        variant_id TEXT PRIMARY KEY, on_hand INTEGER NOT NULL DEFAULT 0, floor INTEGER NOT NULL DEFAULT 0,
        tracked INTEGER NOT NULL DEFAULT 1, backorder_limit INTEGER NOT NULL DEFAULT 0 CHECK (backorder_limit >= 0),
        low_at INTEGER NOT NULL DEFAULT ${defaultPolicy.lowAt}, low_told INTEGER NOT NULL DEFAULT 0, CHECK (on_hand >= floor));
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
    this.#adoptOldLevels()
  }

  /** Stock that was kept before it could be watched in more than one way. */
  #adoptOldLevels(): void {
    const old = this.#sql
      .exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'levels'")
      .toArray()
    if (old.length === 0) return
    this.#sql.exec("INSERT INTO stock (variant_id, on_hand) SELECT variant_id, on_hand FROM levels")
    this.#sql.exec("DROP TABLE levels")
  }

  /** What there is of each variant at `now` (ms), by id. A hold that has lapsed counts no more. */
  levels(now: number): Level[] {
    const rows = this.#sql.exec<LevelRow>(
      `SELECT variant_id, on_hand, tracked, backorder_limit, low_at,
         (SELECT coalesce(sum(quantity), 0) FROM holds WHERE holds.variant_id = stock.variant_id AND expires_at > ?) AS held
       FROM stock ORDER BY variant_id`,
      now,
    )
    return rows.toArray().map((row) => {
      const tracked = row.tracked === 1
      return {
        variantId: row.variant_id as Id<"variant">,
        onHand: row.on_hand,
        held: row.held,
        available: tracked ? row.on_hand - row.held + row.backorder_limit : plenty,
        tracked,
        backorderLimit: row.backorder_limit,
        lowAt: row.low_at,
      }
    })
  }

  /** The lines of which less can be bought than they ask for. */
  shortages(lines: readonly Line[], now: number): Shortage[] {
    const available = new Map(
      this.levels(now).map((level) => [level.variantId, Math.max(0, level.available)]),
    )
    return lines.flatMap(({ variantId, quantity }) => {
      const left = available.get(variantId) ?? 0
      return left < quantity ? [{ variantId, available: left }] : []
    })
  }

  /** Holds the lines under `holdId`, until `expiresAt` (ms). */
  hold(holdId: HoldId, lines: readonly Line[], expiresAt: number): void {
    for (const { variantId, quantity } of lines)
      this.#sql.exec(
        "INSERT INTO holds (order_id, variant_id, quantity, expires_at) VALUES (?, ?, ?, ?)",
        holdId,
        variantId,
        quantity,
        expiresAt,
      )
  }

  /** Lets go of what is held under `holdId`. */
  letGo(holdId: HoldId): void {
    this.#sql.exec("DELETE FROM holds WHERE order_id = ?", holdId)
  }

  /** Lets go of what is held for an order and its changes. */
  letGoOfAll(orderId: Id<"order">): void {
    // "0" follows "/": the range is everything that begins with `<order>/`.
    this.#sql.exec(
      "DELETE FROM holds WHERE order_id = ? OR (order_id >= ? AND order_id < ?)",
      orderId,
      `${orderId}/`,
      `${orderId}0`,
    )
  }

  /** Deletes the holds that lapsed by `now` (ms); answers how many rows. */
  sweep(now: number): number {
    return this.#sql.exec("DELETE FROM holds WHERE expires_at <= ? RETURNING 1", now).toArray()
      .length
  }

  /** When the next hold lapses (ms). */
  nextExpiry(): number | null {
    return (
      this.#sql.exec<{ at: number | null }>("SELECT min(expires_at) AS at FROM holds").toArray()[0]
        ?.at ?? null
    )
  }

  /** Writes a movement, and the level it makes. @throws an error of SQLite when the level would fall below its floor */
  move(
    variantId: string,
    delta: number,
    { reason, note, actor, key }: Change,
    orderId: Id<"order"> | null,
    now: number,
  ): void {
    // Two steps: an upsert would check a negative delta as if it were the level.
    this.#sql.exec("INSERT INTO stock (variant_id) VALUES (?) ON CONFLICT DO NOTHING", variantId)
    this.#sql.exec("UPDATE stock SET on_hand = on_hand + ? WHERE variant_id = ?", delta, variantId)
    this.#sql.exec(
      `INSERT INTO movements (key, variant_id, delta, on_hand, reason, order_id, note, actor, created_at)
       VALUES (?, ?, ?, (SELECT on_hand FROM stock WHERE variant_id = ?), ?, ?, ?, ?, ?)`,
      key,
      variantId,
      delta,
      variantId,
      reason,
      orderId,
      note,
      actor,
      new Date(now).toISOString(),
    )
  }

  /** Whether something was moved under this key already. */
  knows(key: string): boolean {
    return this.#sql.exec("SELECT 1 FROM movements WHERE key = ? LIMIT 1", key).toArray().length > 0
  }

  /** What is still sold under an order and its changes: what left less what came back. */
  soldTo(orderId: Id<"order">): Line[] {
    return this.#sql
      .exec<{ variant_id: string; quantity: number }>(
        "SELECT variant_id, -sum(delta) AS quantity FROM movements WHERE order_id = ? AND reason IN ('sale', 'return') GROUP BY variant_id HAVING sum(delta) < 0",
        orderId,
      )
      .toArray()
      .map(({ variant_id, quantity }) => ({ variantId: variant_id as Id<"variant">, quantity }))
  }

  /** Sets how a variant is watched. What was sold below the new floor stays. */
  watch(variantId: Id<"variant">, { tracked, backorderLimit, lowAt }: Policy): void {
    const floor = tracked ? -backorderLimit : lowest
    this.#sql.exec("INSERT INTO stock (variant_id) VALUES (?) ON CONFLICT DO NOTHING", variantId)
    this.#sql.exec(
      "UPDATE stock SET tracked = ?, backorder_limit = ?, low_at = ?, floor = min(on_hand, ?) WHERE variant_id = ?",
      tracked ? 1 : 0,
      backorderLimit,
      lowAt,
      floor,
      variantId,
    )
  }

  /** Which variants have become low and were not told of yet. One that rose again is forgotten here, to be told anew. */
  newlyLow(now: number): Level[] {
    const low = this.levels(now).filter(
      ({ tracked, onHand, held, lowAt }) => tracked && onHand - held <= lowAt,
    )
    const told = new Set(
      this.#sql
        .exec<{ variant_id: string }>("SELECT variant_id FROM stock WHERE low_told = 1")
        .toArray()
        .map(({ variant_id }) => variant_id),
    )
    const isLow = new Set<string>(low.map(({ variantId }) => variantId))
    for (const variantId of told) if (!isLow.has(variantId)) this.#tell(variantId, 0)
    return low.filter(({ variantId }) => !told.has(variantId))
  }

  /** Remembers that these were told of. */
  lowTold(levels: readonly Level[]): void {
    for (const { variantId } of levels) this.#tell(variantId, 1)
  }

  #tell(variantId: string, told: 0 | 1): void {
    this.#sql.exec("UPDATE stock SET low_told = ? WHERE variant_id = ?", told, variantId)
  }

  /** A variant's movements, newest first, at most `limit` with ids below `before`, after the first `offset` of them. */
  movements(variantId: Id<"variant">, limit: number, before: number, offset: number): Movement[] {
    return this.#sql
      .exec<Movement>(
        "SELECT id, delta, on_hand, reason, order_id, note, actor, created_at FROM movements WHERE variant_id = ? AND id < ? ORDER BY id DESC LIMIT ? OFFSET ?",
        variantId,
        before,
        limit,
        offset,
      )
      .toArray()
  }

  /** How many movements a variant has, counted up to `most`. */
  countMovements(variantId: Id<"variant">, most: number): number {
    return this.#sql
      .exec<{ n: number }>(
        "SELECT count(*) AS n FROM (SELECT 1 FROM movements WHERE variant_id = ? LIMIT ?)",
        variantId,
        most,
      )
      .one().n
  }

  /** Each variant's level beside the sum of its movements, which it must equal. */
  sums(): { variantId: Id<"variant">; onHand: number; moved: number }[] {
    return this.#sql
      .exec<{ variant_id: string; on_hand: number; moved: number }>(
        "SELECT variant_id, on_hand, (SELECT coalesce(sum(delta), 0) FROM movements WHERE movements.variant_id = stock.variant_id) AS moved FROM stock",
      )
      .toArray()
      .map((row) => ({
        variantId: row.variant_id as Id<"variant">,
        onHand: row.on_hand,
        moved: row.moved,
      }))
  }

  /** Orders that something is sold to, by id, after this one. */
  buyersAfter(orderId: string, limit: number): Id<"order">[] {
    return this.#sql
      .exec<{ order_id: string }>(
        "SELECT order_id FROM movements WHERE order_id > ? AND reason IN ('sale', 'return') GROUP BY order_id HAVING sum(delta) < 0 ORDER BY order_id LIMIT ?",
        orderId,
        limit,
      )
      .toArray()
      .map(({ order_id }) => order_id as Id<"order">)
  }

  /** What these orders have of the product at `now` (ms). */
  claims(orderIds: readonly Id<"order">[], now: number): Claim[] {
    return orderIds.flatMap((orderId) => {
      const held = this.#sql
        .exec<{ variant_id: string; quantity: number }>(
          "SELECT variant_id, sum(quantity) AS quantity FROM holds WHERE (order_id = ? OR (order_id >= ? AND order_id < ?)) AND expires_at > ? GROUP BY variant_id",
          orderId,
          `${orderId}/`,
          `${orderId}0`,
          now,
        )
        .toArray()
      const sold = this.soldTo(orderId)
      const variantIds = new Set([
        ...held.map(({ variant_id }) => variant_id as Id<"variant">),
        ...sold.map(({ variantId }) => variantId),
      ])
      return [...variantIds].map((variantId) => ({
        orderId,
        variantId,
        sold: sold.find((line) => line.variantId === variantId)?.quantity ?? 0,
        held: held.find((line) => line.variant_id === variantId)?.quantity ?? 0,
      }))
    })
  }

  /** What became of a hold: nothing yet, sold, given back, or void: cancelled before it was sold. An order's end is its changes' end. */
  stateOf(holdId: HoldId): "sold" | "returned" | "void" | undefined {
    const state = (id: string) =>
      this.#sql
        .exec<{ state: "sold" | "returned" | "void" }>(
          "SELECT state FROM orders WHERE order_id = ?",
          id,
        )
        .toArray()[0]?.state
    const whole = state(orderOf(holdId))
    return whole === "returned" || whole === "void" ? whole : state(holdId)
  }

  /** Says what became of a hold. */
  setState(holdId: HoldId, state: "sold" | "returned" | "void"): void {
    this.#sql.exec(
      "INSERT INTO orders (order_id, state) VALUES (?, ?) ON CONFLICT (order_id) DO UPDATE SET state = excluded.state",
      holdId,
      state,
    )
  }

  /** The product, the version of its stock, and the version that the catalogue's lists show. */
  meta(): { product_id: string; version: number; projected: number } | undefined {
    return this.#sql
      .exec<{ product_id: string; version: number; projected: number }>(
        "SELECT product_id, version, projected FROM meta",
      )
      .toArray()[0]
  }

  /** Counts a change: a new version. */
  nextVersion(productId: Id<"product">): void {
    this.#sql.exec(
      "INSERT INTO meta (one, product_id, version, projected) VALUES (1, ?, 1, 0) ON CONFLICT (one) DO UPDATE SET version = version + 1",
      productId,
    )
  }

  /** Remembers that a version is in the lists. */
  setProjected(version: number): void {
    this.#sql.exec("UPDATE meta SET projected = max(projected, ?)", version)
  }
}
