import { createHmac } from "node:crypto"

import type { Behaviour } from "./behaviour.ts"
import { badCard, cardOf } from "./cards.ts"
import { Ledger } from "./ledger.ts"
import { type Asked, type Bill, type Books, Party, type Said, type Told } from "./party.ts"

/** The gateway of `payments/gateways/fake.ts`, over its ledger. */
export class Fake extends Party {
  readonly name = "fake"
  readonly ledger = new Ledger()
  readonly #secret: string

  constructor({ secret }: { secret: string }, behaviour: Partial<Behaviour> = {}) {
    super(behaviour)
    this.#secret = secret
    this.behave(behaviour)
  }

  /** What happens to payments is the ledger's; what happens on the way, this one's. */
  override behave(change: Partial<Behaviour>): void {
    super.behave(change)
    this.ledger.behave({ ...change, drift: 0 })
  }

  /** Below a path of its own: some of its paths are Stripe's too. */
  owns(path: string): boolean {
    return path.startsWith("/fake/")
  }

  answer({ method, path, query, headers, text }: Asked): Said {
    if (headers["authorization"] !== `Bearer ${this.#secret}`)
      return { status: 401, body: { error: "unauthorized" } }
    const target = `${path.slice("/fake".length)}?${query.toString()}`
    return this.#told(this.ledger.handle(method, target, text === "" ? {} : JSON.parse(text)))
  }

  #told({ status, body, events }: ReturnType<Ledger["handle"]>): Said {
    for (const event of events) this.tell({ id: event.id, type: event.type, body: event })
    return { status, body }
  }

  refuse(status: number): Said {
    return { status, body: { error: "unavailable" } }
  }
  keyOf(): undefined {
    return undefined
  }

  sign({ body }: Told): { body: string; headers: Record<string, string> } {
    const text = JSON.stringify(body)
    const at = Math.floor(Date.now() / 1000)
    const signature = createHmac("sha256", this.#secret).update(`${at}.${text}`).digest("base64url")
    return { body: text, headers: { "fake-signature": `t=${at},v1=${signature}` } }
  }

  drifted(told: Told): Told {
    const copy = structuredClone(told)
    copy.body["payment"].amount += 1
    return copy
  }

  bill(ref: string): Bill | undefined {
    const payment = this.ledger.payments.get(ref)
    return (
      payment && {
        amount: payment.amount,
        currency: payment.currency,
        status: payment.status,
        isOpen: payment.status === "unpaid" || payment.status === "failed",
        returnUrl: null,
        cancelUrl: null,
      }
    )
  }

  bills(): string[] {
    return [...this.ledger.payments.keys()]
  }

  pay(ref: string, card: string): { failure: string | null; goTo: string | null } {
    const isRefused = card === badCard || cardOf(card).decline !== undefined
    this.#told(this.ledger.pay(ref, isRefused))
    return { failure: this.ledger.payments.get(ref)?.failure ?? null, goTo: null }
  }

  settleRefunds(status: "succeeded" | "failed"): void {
    const events = this.ledger.settleRefunds(status)
    this.#told({ status: 200, body: {}, events })
  }

  dispute(ref: string, outcome?: "won" | "lost"): void {
    const events = this.ledger.dispute(ref, outcome ?? "open")
    this.#told({ status: 200, body: {}, events })
  }

  override books(): Books {
    const payments = [...this.ledger.payments.values()]
      .filter(({ captured }) => captured > 0)
      .map(({ id, key, currency, captured }) => {
        const refunded = [...this.ledger.refunds.values()]
          .filter(({ payment, status }) => payment === id && status !== "failed")
          .reduce((sum, { amount }) => sum + amount, 0)
        return { id, key, currency, captured, refunded, fee: 0, disputed: 0 }
      })
    for (const payment of payments) this.table("books").set(payment.id, payment)
    return super.books()
  }

  override save(): unknown {
    return this.ledger.save()
  }
  override load(saved: any): void {
    this.ledger.load(saved)
  }
}
