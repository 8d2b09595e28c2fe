import { Mood } from "./behaviour.ts"

/**
 * The books of the fake gateway, and how it misbehaves: what a server over HTTP (fake-server.ts) and a faked `fetch`
 * (fake-fetch.ts) have in common. Amounts in minor units.
 */
export type FakePayment = {
  id: string
  key: string
  reference: string
  status: "unpaid" | "authorized" | "paid" | "failed" | "voided"
  currency: string
  amount: number
  captured: number
  capture: "automatic" | "manual"
  failure: string | null
  client_secret: string
  redirect_url: string
  updated_at: string
}

export type FakeRefund = {
  id: string
  key: string
  payment: string
  amount: number
  status: "pending" | "succeeded" | "failed"
  failure: string | null
}

/** An event as it is sent to the shop, signed or not. */
export type FakeEvent = { id: string; type: string; payment: FakePayment; refund?: FakeRefund }

/** The answer to a request, and the events that it sets off. */
export type Handled = { status: number; body: unknown; events: FakeEvent[] }

/** The gateway's own truth. Idempotent by the shop's keys. */
export class Ledger extends Mood {
  readonly payments = new Map<string, FakePayment>()
  readonly refunds = new Map<string, FakeRefund>()
  #serial = 0
  #clock = 0

  /** Its books as text, and what `save` wrote taken up again. */
  save(): string {
    const books = [[...this.payments], [...this.refunds], this.#serial, this.#clock]
    return JSON.stringify(books)
  }
  load(text: string): void {
    const [payments, refunds, serial, clock] = JSON.parse(text)
    for (const [id, payment] of payments) this.payments.set(id, payment)
    for (const [key, refund] of refunds) this.refunds.set(key, refund)
    this.#serial = serial
    this.#clock = clock
  }

  /** A request of the shop. */
  handle(method: string, path: string, body: Record<string, any> = {}): Handled {
    const [, , what = "", first = "", second = "", third = ""] = path.split("/")
    if (what === "payments" && method === "POST" && first === "") return this.#start(body)
    if (what === "payments" && first === "by-key")
      return third === "cancel" ? this.#cancel(second, body) : this.#found(this.#byKey(second))
    if (what === "payments" && second === "capture") return this.#capture(first, body)
    if (what === "payments" && second === "refunds") return this.#refund(first, body)
    if (what === "payments" && second === "pay") return this.pay(first, Boolean(body["decline"]))
    if (what === "refunds" && first === "by-key") return this.#found(this.refunds.get(second))
    return { status: 404, body: {}, events: [] }
  }

  /** The payer pays, or their bank declines. */
  pay(id: string, decline = false): Handled {
    const payment = this.payments.get(id)
    if (!payment) return { status: 404, body: {}, events: [] }
    if (payment.status !== "unpaid" && payment.status !== "failed") return this.#found(payment)
    if (decline || this.happens(this.behaviour.decline))
      return this.#changed(payment, { status: "failed", failure: "card_declined" })
    return payment.capture === "automatic"
      ? this.#changed(payment, { status: "paid", captured: payment.amount, failure: null })
      : this.#changed(payment, { status: "authorized", failure: null })
  }

  /** Refunds that were on their way arrive, or fail. */
  settleRefunds(status: "succeeded" | "failed" = "succeeded"): FakeEvent[] {
    return [...this.refunds.values()]
      .filter((refund) => refund.status === "pending")
      .flatMap((refund) => {
        const next = { ...refund, status, failure: status === "failed" ? "account_closed" : null }
        this.refunds.set(refund.key, next)
        return this.#event("refund.updated", this.payments.get(refund.payment), next)
      })
  }

  /** Money taken, and money given back or on its way back, in minor units. */
  totals(): { captured: number; refunded: number } {
    const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one, 0)
    return {
      captured: sum([...this.payments.values()].map(({ captured }) => captured)),
      refunded: sum(
        [...this.refunds.values()].map(({ status, amount }) => (status === "failed" ? 0 : amount)),
      ),
    }
  }

  #start(body: Record<string, any>): Handled {
    const known = this.#byKey(body["key"])
    if (known) return { ...this.#found(known), events: [] }
    const payment = this.#add({ ...body, status: "unpaid" })
    if (!this.behaviour.payAtOnce) return this.#found(payment)
    return this.pay(payment.id)
  }

  #cancel(key: string, body: Record<string, any>): Handled {
    const known = this.#byKey(key)
    // What comes later under this key is void.
    if (!known) return this.#found(this.#add({ ...body, key, status: "voided" }))
    if (known.captured > 0 || known.status === "voided") return this.#found(known)
    return this.#changed(known, { status: "voided" })
  }

  #capture(id: string, body: Record<string, any>): Handled {
    const known = this.payments.get(id)
    if (!known) return this.#found(known)
    if (known.status !== "authorized") return this.#found(known)
    return this.#changed(known, { status: "paid", captured: body["amount"] ?? known.amount })
  }

  #refund(id: string, body: Record<string, any>): Handled {
    const payment = this.payments.get(id)
    if (!payment) return this.#found(undefined)
    const known = this.refunds.get(body["key"])
    if (known) return this.#found(known)
    const before = [...this.refunds.values()]
      .filter((one) => one.payment === id && one.status !== "failed")
      .reduce((sum, { amount }) => sum + amount, 0)
    const isTooMuch = before + body["amount"] > payment.captured
    const isRefused = isTooMuch || this.happens(this.behaviour.refuseRefunds)
    const refund: FakeRefund = {
      id: `re_${++this.#serial}`,
      key: body["key"],
      payment: id,
      amount: body["amount"],
      status: isRefused ? "failed" : this.behaviour.pendingRefunds ? "pending" : "succeeded",
      failure: isTooMuch ? "too_much" : isRefused ? "refused" : null,
    }
    this.refunds.set(refund.key, refund)
    return { status: 200, body: refund, events: this.#event("refund.updated", payment, refund) }
  }

  #byKey(key: string): FakePayment | undefined {
    return [...this.payments.values()].find((payment) => payment.key === key)
  }

  #add(given: Record<string, any>): FakePayment {
    const id = `fp_${++this.#serial}`
    const payment: FakePayment = {
      id,
      key: given["key"],
      reference: given["reference"],
      status: given["status"],
      currency: given["currency"],
      amount: given["amount"],
      captured: 0,
      capture: given["capture"] ?? "automatic",
      failure: null,
      client_secret: `${id}_secret`,
      redirect_url: `https://pay.fake-gateway.test/${id}`,
      updated_at: this.#now(),
    }
    this.payments.set(id, payment)
    return payment
  }

  #changed(known: FakePayment, change: Partial<FakePayment>): Handled {
    const payment = { ...known, ...change, updated_at: this.#now() }
    this.payments.set(payment.id, payment)
    return { status: 200, body: payment, events: this.#event(`payment.${payment.status}`, payment) }
  }

  #found(thing: unknown): Handled {
    return thing
      ? { status: 200, body: thing, events: [] }
      : { status: 404, body: { error: "not_found" }, events: [] }
  }

  #event(type: string, payment: FakePayment | undefined, refund?: FakeRefund): FakeEvent[] {
    if (!payment) return []
    const told = this.happens(this.behaviour.drift)
      ? { ...payment, amount: payment.amount + 1 }
      : payment
    return [{ id: `ev_${++this.#serial}`, type, payment: told, ...(refund && { refund }) }]
  }

  /** Later each time, so that what comes late can be told from what is new. */
  #now(): string {
    this.#clock = Math.max(this.#clock + 1, Date.now())
    return new Date(this.#clock).toISOString()
  }
}
