import { describe, expect, it } from "vitest"

import { amountDue, balanceOf, isUnsecured } from "#modules/orders/balance.ts"
import { settlementOf } from "#modules/orders/edit.ts"
import {
  followed,
  fulfilmentOf,
  fulfilmentTransitions,
  leftOf,
  leftToSend,
  mayCancel,
  mayEdit,
  maySend,
} from "#modules/orders/fulfilment.ts"
import { returnable, shareOf } from "#modules/orders/return-shares.ts"
import { type ReturnStatus, returnTransitions } from "#modules/orders/return-status.ts"
import {
  mayBecome,
  type OrderStatus,
  type ParcelStatus,
  parcelTransitions,
  transitions,
} from "#modules/orders/status.ts"
import {
  mayBecome as paymentMayBecome,
  type PaymentStatus,
  statusOf,
} from "#modules/payments/status.ts"

/**
 * An order with everything that can happen to it, by the shop's own tables and rules: two units at 10.00 and, in one
 * world, a song. What the verbs write to rows is written here to a value; `stock` is what the shop has sold.
 */
type State = {
  byGateway: boolean
  status: OrderStatus
  lines: { unit: number; isDigital: boolean; quantity: number; sent: number; back: number }[]
  parcels: { status: ParcelStatus; units: number }[]
  payments: { status: PaymentStatus; amount: number; captured: number; refunded: number }[]
  returns: { status: ReturnStatus; line: number }[]
  reduced: number
  stock: number
}
type Step = { name: string; to: State }

const price = 1000
const start = (byGateway: boolean, hasSong: boolean): State => ({
  byGateway,
  status: "pending",
  lines: [
    { unit: price, isDigital: false, quantity: 2, sent: 0, back: 0 },
    ...(hasSong ? [{ unit: 300, isDigital: true, quantity: 1, sent: 0, back: 0 }] : []),
  ],
  parcels: [],
  payments: [{ status: "unpaid", amount: hasSong ? 2300 : 2000, captured: 0, refunded: 0 }],
  returns: [],
  reduced: 0,
  stock: hasSong ? 3 : 2,
})

const counted = ({ lines }: State) =>
  lines.map(({ quantity, sent, back }) => ({
    quantity,
    fulfilledQuantity: sent,
    returnedQuantity: back,
  }))
const totalOf = ({ lines }: State) =>
  lines.reduce((sum, line) => sum + line.unit * line.quantity, 0)
const sumOf = (state: State, what: "captured" | "refunded") =>
  state.payments.reduce((sum, payment) => sum + payment[what], 0)
const balance = (state: State) =>
  balanceOf(
    totalOf(state),
    state.payments.map(({ status, amount, captured, refunded }) => ({
      status,
      amount,
      capturedAmount: captured,
      refundedAmount: refunded,
      refundedTaxAmount: 0,
      refundedShippingAmount: 0,
    })),
  )
const due = (state: State) =>
  amountDue({
    status: state.status,
    totalAmount: totalOf(state),
    paidAmount: sumOf(state, "captured"),
    reducedAmount: state.reduced,
  })
const waits = (state: State) => state.byGateway && isUnsecured(balance(state).paymentStatus)

/** The states that follow by themselves; with the confirmation what is digital is sent. */
function follow(state: State): State {
  const lines =
    state.status === "confirmed"
      ? state.lines.map((line) => (line.isDigital ? { ...line, sent: line.quantity } : line))
      : state.lines
  const next = { ...state, lines }
  const last = followed(next.status, counted(next), next.parcels).at(-1)
  return last === undefined ? next : { ...next, status: last }
}

/** What subscribers do once payments have changed: too much goes back, and the order shows what it comes to. */
function settled(state: State): State {
  const kept = sumOf(state, "captured") - sumOf(state, "refunded")
  const owed = state.status === "cancelled" ? 0 : totalOf(state)
  const next = kept > owed ? refunded(state, kept - owed) : state
  const { paymentStatus } = balance(next)
  if (next.status === "delivered" && paymentStatus === "refunded")
    return { ...next, status: "refunded" }
  const isPaid = next.byGateway && next.status === "pending" && paymentStatus === "paid"
  return isPaid ? follow({ ...next, status: "confirmed" }) : next
}

function refunded(state: State, amount: number): State {
  let left = amount
  const payments = state.payments.map((payment) => {
    const part = Math.min(left, payment.captured - payment.refunded)
    left -= part
    if (part === 0) return payment
    const back = payment.refunded + part
    return { ...payment, refunded: back, status: statusOf(payment.captured, back) }
  })
  expect(left).toBe(0)
  return { ...state, payments }
}

const replaced = <T>(all: readonly T[], index: number, over: Partial<T>): T[] =>
  all.map((one, at) => (at === index ? { ...one, ...over } : one))

/** Everything that somebody can do now, and what comes of it. */
function steps(state: State): Step[] {
  const some: Step[] = []
  const add = (name: string, may: boolean, to: () => State) => {
    if (may) some.push({ name, to: to() })
  }
  const { status } = state

  for (const to of ["confirmed", "processing"] as const)
    add(to, mayBecome(status, to) && !waits(state), () => follow({ ...state, status: to }))
  add("delivered", mayBecome(status, "delivered") && leftToSend(counted(state)) === 0, () =>
    settled({
      ...state,
      status: "delivered",
      parcels: state.parcels.map((one) =>
        one.status === "shipped" ? { ...one, status: "delivered" } : one,
      ),
    }),
  )
  add("cancel", mayCancel(status, state.parcels), () =>
    settled({
      ...state,
      status: "cancelled",
      stock: 0,
      payments: state.payments.map((one) =>
        !state.byGateway && one.status === "unpaid" ? { ...one, status: "voided" } : one,
      ),
    }),
  )

  const isReturning =
    state.returns.some((one) => one.status === "requested" || one.status === "approved") ||
    state.lines.some(({ back }) => back > 0)
  const mayPost = maySend(status) && !(state.byGateway && due(state) > 0)
  for (const units of [1, 2]) {
    const line = state.lines[0]
    const left = leftOf(counted(state)[0]!)
    add(`send ${units}`, mayPost && units <= left, () =>
      follow({
        ...state,
        status: status === "confirmed" ? "processing" : status,
        lines: replaced(state.lines, 0, { sent: (line?.sent ?? 0) + units }),
        parcels: [...state.parcels, { status: "shipped", units }],
      }),
    )
  }
  for (const [index, parcel] of state.parcels.entries()) {
    for (const to of parcelTransitions[parcel.status]) {
      const parcels = replaced(state.parcels, index, { status: to })
      add(`parcel ${index} ${to}`, to === "delivered" || !isReturning, () =>
        to === "delivered"
          ? settled(follow({ ...state, parcels }))
          : {
              ...state,
              parcels,
              lines: replaced(state.lines, 0, { sent: (state.lines[0]?.sent ?? 0) - parcel.units }),
            },
      )
    }
  }

  for (const [index, payment] of state.payments.entries()) {
    const news: PaymentStatus[] = state.byGateway
      ? ["authorized", "paid", "failed", "voided"]
      : ["paid"]
    for (const to of news)
      add(
        `payment ${index} ${to}`,
        payment.captured === 0 &&
          paymentMayBecome(payment.status, to) &&
          (state.byGateway || payment.status === "unpaid"),
        () =>
          settled({
            ...state,
            payments: replaced(state.payments, index, {
              status: to,
              captured: to === "paid" ? payment.amount : 0,
            }),
          }),
      )
  }
  const isOpen = state.payments.some(
    (one) => one.captured === 0 && one.status !== "voided" && one.status !== "failed",
  )
  add("pay again", due(state) > 0 && !isOpen, () => ({
    ...state,
    payments: [
      { status: "unpaid", amount: due(state), captured: 0, refunded: 0 },
      ...state.payments,
    ],
  }))
  const kept = sumOf(state, "captured") - sumOf(state, "refunded")
  add("refund 1000", kept >= price, () => settled(refunded(state, price)))

  const editable =
    mayEdit(status) && !isReturning && !(waits(state) && sumOf(state, "captured") === 0)
  for (const by of [-1, 1]) {
    const line = state.lines[0]
    const quantity = (line?.quantity ?? 0) + by
    add(`edit ${by}`, editable && quantity >= Math.max(1, line?.sent ?? 0) && quantity <= 3, () =>
      edited(
        { ...state, lines: replaced(state.lines, 0, { quantity }), stock: state.stock + by },
        totalOf(state),
      ),
    )
  }

  for (const [index, line] of counted(state).entries()) {
    const of = state.returns.filter((one) => one.line === index)
    const asked = of.map((one) => ({ status: one.status, quantity: 1, acceptedQuantity: null }))
    const shares = { ...line, lineAmount: line.quantity, discountAmount: 0, taxAmount: 0 }
    const isPosted = status === "shipped" || status === "delivered"
    add(`ask for ${index} back`, isPosted && returnable(shares, asked) > 0, () => ({
      ...state,
      returns: [...state.returns, { status: "requested", line: index }],
    }))
  }
  for (const [index, one] of state.returns.entries()) {
    for (const to of returnTransitions[one.status]) {
      const returns = replaced(state.returns, index, { status: to })
      add(`return ${index} ${to}`, true, () => {
        const line = state.lines[one.line]!
        if (to === "received")
          return {
            ...state,
            returns,
            stock: state.stock - 1,
            lines: replaced(state.lines, one.line, { back: line.back + 1 }),
          }
        if (to !== "refunded") return { ...state, returns }
        const whole = {
          quantity: line.quantity,
          fulfilledQuantity: line.sent,
          returnedQuantity: line.back - 1,
          lineAmount: line.unit * line.quantity,
          discountAmount: 0,
          taxAmount: 0,
        }
        return settled(refunded({ ...state, returns }, Math.min(kept, shareOf(whole, 1))))
      })
    }
  }
  return some
}

/** As an edit leaves it, of an order that came to `before`: what was paid too much goes back, and what is due is asked for anew. */
function edited(state: State, before: number): State {
  const { refundAmount, reducedAmount } = settlementOf(totalOf(state), {
    paid: sumOf(state, "captured"),
    refunded: sumOf(state, "refunded"),
    reduced: state.reduced,
    before,
  })
  const next = { ...refunded(state, refundAmount), reduced: reducedAmount }
  const owed = due(next)
  const payments = next.payments.map((one) =>
    one.status === "unpaid" && one.captured === 0 && one.amount !== owed
      ? { ...one, status: "voided" as const }
      : one,
  )
  const isAsked = payments.some((one) => one.captured === 0 && one.status !== "voided")
  const fresh = { status: "unpaid" as const, amount: owed, captured: 0, refunded: 0 }
  const all = owed > 0 && !isAsked && !state.byGateway ? [fresh, ...payments] : payments
  return settled(follow({ ...next, payments: all }))
}

/** What must hold of an order at any time, in words where it does not. */
function faults(state: State): string[] {
  const said: [boolean, string][] = [
    [totalOf(state) > 0, "a total of nothing"],
    [
      state.lines.every(
        ({ quantity, sent, back }) => 0 <= back && back <= sent && sent <= quantity,
      ),
      "more sent than ordered, or more back than sent",
    ],
    [
      state.payments.every(
        ({ amount, captured, refunded: back }) =>
          0 <= back && back <= captured && captured <= amount,
      ),
      "more refunded than captured",
    ],
    [
      sumOf(state, "captured") - sumOf(state, "refunded") <=
        (state.status === "cancelled" ? 0 : totalOf(state)),
      "more kept than owed",
    ],
    [due(state) >= 0, "less than nothing due"],
    [
      state.stock ===
        (state.status === "cancelled"
          ? 0
          : state.lines.reduce((sum, { quantity, back }) => sum + quantity - back, 0)),
      "stock that is not conserved",
    ],
    [
      state.lines[0]?.sent ===
        state.parcels.reduce(
          (sum, { status, units }) => sum + (status === "cancelled" ? 0 : units),
          0,
        ),
      "units in parcels that were not sent",
    ],
    [
      state.status !== "cancelled" || state.parcels.every(({ status }) => status === "cancelled"),
      "a cancelled order on its way",
    ],
    [
      !["delivered", "refunded"].includes(state.status) || leftToSend(counted(state)) === 0,
      "delivered, and something is left to send",
    ],
    [state.status !== "pending" || state.parcels.length === 0, "sent before it was confirmed"],
  ]
  return said.filter(([holds]) => !holds).map(([, fault]) => fault)
}

/** Moves that no table knows. */
function strays(before: State, { name, to }: Step): string[] {
  const fulfilment = [fulfilmentOf(counted(before)), fulfilmentOf(counted(to))] as const
  const reached = new Set<OrderStatus>([before.status])
  for (const status of reached) for (const next of transitions[status]) reached.add(next)
  return [
    ...(reached.has(to.status) ? [] : [`${name}: ${before.status} → ${to.status}`]),
    ...(fulfilment[0] === fulfilment[1] ||
    fulfilmentTransitions[fulfilment[0]].includes(fulfilment[1])
      ? []
      : [`${name}: ${fulfilment.join(" → ")}`]),
  ]
}

const ends: OrderStatus[] = ["delivered", "cancelled", "refunded"]

/** Whether an order can still come to an end from here, whoever has to do what for it. */
function canEnd(state: State): boolean {
  const seen = new Set<string>()
  const open = [state]
  while (open.length > 0) {
    const next = open.pop()
    if (!next || ends.includes(next.status)) return true
    const key = JSON.stringify(next)
    if (seen.has(key) || seen.size > 2000) continue
    seen.add(key)
    const onward =
      /^(?:confirmed|processing|delivered|cancel|send|parcel \d+ delivered|payment|pay again)/
    open.push(
      ...steps(next)
        .filter(({ name }) => onward.test(name))
        .map(({ to }) => to),
    )
  }
  return false
}

function explore(first: State, depth: number) {
  const seen = new Map<string, State>([[JSON.stringify(first), first]])
  let edge = [first]
  const wrong: string[] = []
  for (let n = 0; n < depth; n++) {
    const next: State[] = []
    for (const state of edge) {
      for (const step of steps(state)) {
        wrong.push(...strays(state, step))
        const key = JSON.stringify(step.to)
        if (seen.has(key)) continue
        wrong.push(...faults(step.to).map((fault) => `${step.name}: ${fault} ${key}`))
        seen.set(key, step.to)
        next.push(step.to)
      }
    }
    edge = next
  }
  return { states: [...seen.values()], wrong }
}

describe.each([
  ["paid by invoice", false, false],
  ["paid through a gateway", true, false],
  ["with a song, paid by invoice", false, true],
  ["with a song, paid through a gateway", true, true],
])("an order %s, whatever happens to it in eight steps,", (_, byGateway, hasSong) => {
  it(
    "keeps to its tables, its money and its stock, and never ends up nowhere",
    { timeout: 120_000 },
    () => {
      const { states, wrong } = explore(start(byGateway, hasSong), 8)
      expect([...new Set(wrong)].slice(0, 10)).toEqual([])
      expect(states.length).toBeGreaterThan(1000)
      expect(new Set(states.map(({ status }) => status))).toEqual(new Set(Object.keys(transitions)))
      const dead = states.filter((state) => !canEnd(state))
      expect(dead.slice(0, 3)).toEqual([])
    },
  )
})
