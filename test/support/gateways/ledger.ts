import { Mood } from "./behaviour.ts"

/**
 * The books of the fake gateway, and how it misbehaves: what a server over HTTP (fake.ts) and a faked `fetch`
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
  /** What the gateway keeps, once anything is captured. */
  fee: number | null
  /** Whose it is, and whether what it is paid with is kept with them. */
  customer: string | null
  save: boolean
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

export type FakeDispute = {
  id: string
  status: "open" | "won" | "lost"
  amount: number
  reason: string | null
}

/** What a customer can be charged with again. */
export type FakeMethod = {
  ref: string
  kind: "card"
  brand: string
  last4: string
  expires: string
  customer: string
}

export type FakeSetup = {
  id: string
  key: string
  customer: string
  status: "open" | "succeeded" | "failed"
  method: string | null
  client_secret: string
  redirect_url: string
}

/** An event as it is sent to the shop, signed or not. */
export type FakeEvent = {
  id: string
  type: string
  payment: FakePayment
  refund?: FakeRefund
  dispute?: FakeDispute
}

/** The answer to a request, and the events that it sets off. */
export type Handled = { status: number; body: unknown; events: FakeEvent[] }

/** The gateway's own truth. Idempotent by the shop's keys. */
export class Ledger extends Mood {
  readonly payments = new Map<string, FakePayment>()
  readonly refunds = new Map<string, FakeRefund>()
  /** By the shop's key. */
  readonly customers = new Map<string, { id: string; email: string }>()
  readonly setups = new Map<string, FakeSetup>()
  readonly methods = new Map<string, FakeMethod>()
  readonly disputes = new Map<string, FakeDispute & { payment: string }>()
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
    const [plain = "", query = ""] = path.split("?")
    const [, , what = "", first = "", second = "", third = ""] = plain.split("/")
    if (what === "movements") return this.#movements(new URLSearchParams(query))
    if (what === "disputes") {
      const dispute = this.disputes.get(first)
      return this.#found(dispute && this.#shown(dispute))
    }
    if (what === "customers" && method === "POST") return this.#customer(body)
    if (what === "customers" && second === "methods")
      return this.#found([...this.methods.values()].filter(({ customer }) => customer === first))
    if (what === "setups" && method === "POST") return this.#setup(body)
    if (what === "methods" && method === "DELETE") {
      this.methods.delete(first)
      return this.#found({})
    }
    if (what === "charges" && method === "POST") return this.#charge(body)
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
    if (payment.save && payment.customer !== null) this.keep(payment.customer)
    return payment.capture === "automatic"
      ? this.#changed(payment, { status: "paid", captured: payment.amount, failure: null })
      : this.#changed(payment, { status: "authorized", failure: null })
  }

  /** A customer gives a card to be kept; `failing`: every charge of it will be declined. */
  keep(customer: string, failing = false): FakeMethod {
    const ref = `pm_${++this.#serial}${failing ? "_declined" : ""}`
    const card = { kind: "card", brand: "visa", last4: failing ? "0341" : "4242" } as const
    const method = { ref, ...card, expires: "2030-12", customer }
    this.methods.set(ref, method)
    return method
  }

  /** The payer goes through with a setup, or gives it up. */
  finishSetup(id: string, { fail = false, failing = false } = {}): FakeSetup {
    const setup = this.setups.get(id)
    if (!setup) throw new Error(`no setup ${id}`)
    const method = fail ? null : this.keep(setup.customer, failing).ref
    const next: FakeSetup = { ...setup, status: fail ? "failed" : "succeeded", method }
    this.setups.set(id, next)
    return next
  }

  /** The payer's bank takes money back, or says who is right. */
  dispute(id: string, status: FakeDispute["status"] = "open", amount?: number): FakeEvent[] {
    const payment = this.payments.get(id)
    if (!payment) return []
    const known = [...this.disputes.values()].find((one) => one.payment === id)
    const dispute = {
      id: known?.id ?? `dp_${++this.#serial}`,
      status,
      amount: known?.amount ?? amount ?? payment.captured,
      reason: "fraudulent",
    }
    this.disputes.set(dispute.id, { ...dispute, payment: id })
    this.payments.set(id, { ...payment, updated_at: this.#now() })
    const [event] = this.#event(`dispute.${status}`, payment)
    return event ? [{ ...event, dispute }] : []
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

  #customer({ key, email }: Record<string, any>): Handled {
    const known = this.customers.get(key) ?? { id: `cus_${++this.#serial}`, email }
    this.customers.set(key, known)
    return this.#found(known)
  }

  #setup({ key, customer }: Record<string, any>): Handled {
    const known = [...this.setups.values()].find((one) => one.key === key)
    if (known) return this.#found(known)
    const id = `seti_${++this.#serial}`
    const setup: FakeSetup = {
      id,
      key,
      customer,
      status: "open",
      method: null,
      client_secret: `${id}_secret`,
      redirect_url: `https://pay.fake-gateway.test/${id}`,
    }
    this.setups.set(id, setup)
    return this.#found(setup)
  }

  #charge(body: Record<string, any>): Handled {
    const known = this.#byKey(body["key"])
    if (known) return this.#found(known)
    const method = this.methods.get(body["method"])
    const payment = this.#add({ ...body, status: "unpaid" })
    if (method?.customer !== body["customer"])
      return this.#changed(payment, { status: "failed", failure: "no_such_method" })
    return this.pay(payment.id, method?.ref.endsWith("_declined"))
  }

  /** What moved since a time, in the order of its last change, 100 at a time. */
  #movements(query: URLSearchParams): Handled {
    const [since, from] = [query.get("since") ?? "", Number(query.get("cursor") ?? 0)]
    const moved = [...this.payments.values()].filter(({ updated_at }) => updated_at >= since)
    const page = moved.slice(from, from + 100)
    return this.#found({
      payments: page,
      refunds: page.flatMap(({ id, currency }) =>
        [...this.refunds.values()]
          .filter(({ payment }) => payment === id)
          .map((refund) => ({ ...refund, currency })),
      ),
      disputes: page.flatMap(({ id }) =>
        [...this.disputes.values()].filter(({ payment }) => payment === id).map(this.#shown),
      ),
      next: from + 100 < moved.length ? String(from + 100) : null,
    })
  }

  /** A dispute with what its payment is called, here and at the shop. */
  #shown = (dispute: FakeDispute & { payment: string }) => {
    const payment = this.payments.get(dispute.payment)
    return { ...dispute, key: payment?.key, currency: payment?.currency }
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
      fee: null,
      customer: given["customer"] ?? null,
      save: given["save"] ?? false,
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
    const { feeBasisPoints } = this.behaviour
    if (payment.captured > 0 && feeBasisPoints > 0)
      payment.fee = Math.round((payment.captured * feeBasisPoints) / 10_000)
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
