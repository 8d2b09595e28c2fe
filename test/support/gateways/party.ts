import { randomBytes } from "node:crypto"

import { Mood } from "./behaviour.ts"

/** The gateways that the server plays. */
export type GatewayName = "fake" | "stripe" | "paypal" | "square"

/** A request as it came. `base`: where the server is reached, as the caller sees it. */
export type Asked = {
  method: string
  path: string
  query: URLSearchParams
  headers: Record<string, string | undefined>
  text: string
  base: string
}

/** An answer: JSON, or a page when it is text. */
export type Said = { status: number; body?: unknown; headers?: Record<string, string> }

/** An event that the shop is told. `body`: what is sent, before it is signed. */
export type Told = { id: string; type: string; body: Record<string, any> }

/** What waits to be paid, for the page and whoever pays. Amounts in minor units. */
export type Bill = {
  amount: number
  currency: string
  status: string
  isOpen: boolean
  returnUrl: string | null
  cancelUrl: string | null
}

/** A payment in the gateway's books, in minor units. `key`: our payment's id, as it was told. */
export type Booked = {
  id: string
  key: string | null
  currency: string
  captured: number
  /** Given back or on its way back, of what was captured. */
  refunded: number
  fee: number
  disputed: number
}

/** The books of a gateway: every payment money was taken of, and what they come to by currency. */
export type Books = { payments: Booked[]; totals: Record<string, Omit<Booked, "id" | "key">> }

type Payment = Booked & { at: string }

/** A gateway as its server sees it: it answers, keeps books, has payers and tells the shop what happened. */
export abstract class Party extends Mood {
  abstract readonly name: GatewayName
  /** What happened and was not told yet. */
  readonly news: Told[] = []
  readonly #tables = new Map<string, Map<string, any>>()
  /** Keys of requests that are being worked on. */
  readonly #busy = new Set<string>()

  /** Whether a path is of its API. */
  abstract owns(path: string): boolean
  abstract answer(asked: Asked): Said
  /** A request that is not done, in its own words. */
  abstract refuse(status: number): Said
  /** What tells this request apart from others, where it came with a key. */
  abstract keyOf(asked: Asked): string | undefined
  abstract sign(told: Told): { body: string; headers: Record<string, string> }
  /** The same event with another amount. */
  abstract drifted(told: Told): Told
  /** What is to be paid under its own id; `undefined`: nothing it knows of. */
  abstract bill(ref: string): Bill | undefined
  /** Every id that `bill` knows. */
  abstract bills(): string[]
  /** The payer pays with a card: whether it went through, and where their browser goes. */
  abstract pay(ref: string, card: string): { failure: string | null; goTo: string | null }
  /** Refunds that are on their way arrive, or fail. */
  abstract settleRefunds(status: "succeeded" | "failed"): void
  /** The payer's bank takes the money of a payment back until somebody decides; `won` or `lost` decides. */
  abstract dispute(ref: string, outcome?: "won" | "lost"): void

  /** Whether the request's key is in use by one that is being worked on; it is from now on, until `release`. */
  claim(asked: Asked): boolean {
    const key = this.keyOf(asked)
    if (key === undefined) return true
    if (this.#busy.has(key)) return false
    this.#busy.add(key)
    return true
  }
  release(asked: Asked): void {
    this.#busy.delete(this.keyOf(asked) ?? "")
  }

  /** Its rows of one kind by id, in the order they were made. */
  table<T = any>(name: string): Map<string, T> {
    const known = this.#tables.get(name) ?? new Map<string, T>()
    this.#tables.set(name, known)
    return known
  }

  tell(told: Told): void {
    this.news.push(structuredClone(told))
  }

  /** Books money that moved of a payment, in minor units; negative amounts take it back. */
  book(id: string, currency: string, moved: Partial<Omit<Booked, "id" | "currency">>): void {
    const rows = this.table<Payment>("books")
    const none = { key: null, captured: 0, refunded: 0, fee: 0, disputed: 0 }
    const row = rows.get(id) ?? { id, currency, ...none, at: new Date().toISOString() }
    rows.set(id, {
      ...row,
      key: moved.key ?? row.key,
      captured: row.captured + (moved.captured ?? 0),
      refunded: row.refunded + (moved.refunded ?? 0),
      fee: row.fee + (moved.fee ?? 0),
      disputed: row.disputed + (moved.disputed ?? 0),
    })
  }

  books(): Books {
    const payments = [...this.table<Payment>("books").values()]
    const totals: Books["totals"] = {}
    for (const { currency, captured, refunded, fee, disputed } of payments) {
      const sum = totals[currency] ?? { currency, captured: 0, refunded: 0, fee: 0, disputed: 0 }
      totals[currency] = {
        currency,
        captured: sum.captured + captured,
        refunded: sum.refunded + refunded,
        fee: sum.fee + fee,
        disputed: sum.disputed + disputed,
      }
    }
    return { payments, totals }
  }

  /** Everything it knows as JSON, and what `save` wrote taken up again. */
  save(): unknown {
    return [...this.#tables].map(([name, rows]) => [name, [...rows]])
  }
  load(saved: any): void {
    for (const [name, rows] of saved) {
      const table = this.table(name)
      for (const [id, row] of rows) table.set(id, row)
    }
  }
}

/** Letters and digits that nobody guesses. */
export function unguessable(length: number): string {
  const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
  return [...randomBytes(length)].map((byte) => alphabet[byte % alphabet.length]).join("")
}

/** What a gateway keeps of an amount for itself: basis points, half up, and a fixed part, in minor units. */
export function feeOf(amount: number, basisPoints: number, fixed: number): number {
  return Math.min(amount, Math.floor((amount * basisPoints + 5000) / 10_000) + fixed)
}

/** Our payment's id among what was told with a payment. */
export function keyAmong(texts: Iterable<unknown>): string | null {
  for (const text of texts) if (typeof text === "string" && /^pay_\w+$/.test(text)) return text
  return null
}

/** The digits after the point of a currency (ISO 4217), as the gateways here know them. */
export function digitsOf(currency: string): number {
  const code = currency.toUpperCase()
  if (/^(?:BHD|JOD|KWD|OMR|TND)$/.test(code)) return 3
  return /^(?:BIF|CLP|DJF|GNF|JPY|KMF|KRW|MGA|PYG|RWF|VND|VUV|XAF|XOF|XPF)$/.test(code) ? 0 : 2
}
