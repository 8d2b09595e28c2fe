import { afterEach, describe, expect, it, vi } from "vitest"

import { call } from "../support/api.ts"
import { type FakeGateway, standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { deliverAll, order, rows, settleAll } from "../support/shop.ts"

afterEach(() => vi.restoreAllMocks())

/** What may become of a refund, and of a dispute, of one payment. */
const refunds = [
  ["ask", "succeed"],
  ["ask", "fail"],
  ["ask", "succeed", "fail"],
] as const
const disputes = [["open", "lose"], ["open", "win"], ["lose"]] as const

type Step = (typeof refunds)[number][number] | (typeof disputes)[number][number]

/** All ways in which two stories can happen at once, each in its own order. */
function* interleaved(one: readonly Step[], other: readonly Step[]): Generator<Step[]> {
  const [first, ...rest] = one
  const [second, ...left] = other
  if (first === undefined || second === undefined) return yield [...one, ...other]
  for (const tail of interleaved(rest, other)) yield [first, ...tail]
  for (const tail of interleaved(one, left)) yield [second, ...tail]
}

const stories = refunds.flatMap((refund) =>
  disputes.flatMap((dispute) => [...interleaved(refund, dispute)]),
)

type Told = { gateway: FakeGateway; staff: Awaited<ReturnType<typeof make.user>>; id: string }

/** One step; what its gateway says of it is heard at once. */
async function take(step: Step, { gateway, staff, id }: Told, back: number, taken: number) {
  const { ledger } = gateway
  const [payment] = [...ledger.payments.values()].slice(-1)
  if (!payment) throw new Error("no payment")
  if (step === "ask") {
    const body = { order: id, amount: `${back / 100}.00`, reason: "Late" }
    // Refused where a bank has the money.
    await call("POST", "payments/refunds", { as: staff, body })
    return deliverAll("refund.requested")
  }
  if (step === "open" || step === "lose" || step === "win") {
    const status = ({ open: "open", lose: "lost", win: "won" } as const)[step]
    await gateway.send(ledger.dispute(payment.id, status, taken))
    return
  }
  // Of what never was asked for nothing is heard.
  for (const refund of ledger.refunds.values())
    if (refund.payment === payment.id)
      ledger.refunds.set(refund.key, { ...refund, status: "pending" })
  await gateway.send(ledger.settleRefunds(step === "fail" ? "failed" : "succeeded"))
}

describe("a refund and a dispute of one payment", () => {
  it.each([
    ["of all of it", 2000, 2000],
    ["of a part each", 600, 1500],
    ["of a part, and all of it", 600, 2000],
  ])(
    `${stories.length} ways to happen, %s: what went back is what went back`,
    async (_, back, taken) => {
      vi.spyOn(console, "error").mockImplementation(() => {})
      const gateway = standUp({ payAtOnce: true, pendingRefunds: true })
      const [customer, staff] = [await make.user(), await make.user("staff")]
      const cap = await make.product({ price: "10.00", stock_quantity: 2 * stories.length })
      for (const story of stories) {
        const items = [{ product_id: cap.id, quantity: 2 }]
        const { body } = await order(items, customer, { payment_method: "fake" })
        await deliverAll()
        gateway.events.splice(0)
        for (const [index, step] of story.entries()) {
          await take(step, { gateway, staff, id: body.id }, back, taken)
          const said = await rows<{ refunded: number; expected: number }>(
            `SELECT refunded_amount AS refunded, min(captured_amount,
             (SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment_id = payments.id AND status <> 'failed')
             + (SELECT coalesce(sum(amount), 0) FROM disputes WHERE payment_id = payments.id AND status = 'lost')) AS expected
           FROM payments WHERE reference = ?`,
            body.id,
          )
          const told = story.slice(0, index + 1).join(", ")
          expect({ told, back: said[0]?.refunded }).toEqual({ told, back: said[0]?.expected })
        }
      }
      await settleAll()
      const { body } = await call("GET", "admin/verify", { as: await make.user("admin") })
      const checks = body.checks as { name: string; violations: unknown[] }[]
      expect(checks.flatMap(({ violations }) => violations)).toEqual([])
    },
  )
})

describe("a dispute of which an event said another amount than the gateway", () => {
  const told = ["open", "won", "lost"] as const
  const ways = told.flatMap((first) =>
    (first === "open" ? told : [first]).flatMap((last) =>
      [0, 600].flatMap((back) => [-1, 1].map((lie) => ({ first, last, back, lie }))),
    ),
  )
  it.each(ways)(
    "$first and then $last, after $back went back, $lie beside it: is as the gateway has it, once it is asked",
    async ({ first, last, back, lie }) => {
      vi.spyOn(console, "error").mockImplementation(() => {})
      const gateway = standUp({ payAtOnce: true })
      const [customer, staff] = [await make.user(), await make.user("staff")]
      const cap = await make.product({ price: "10.00", stock_quantity: 2 })
      const items = [{ product_id: cap.id, quantity: 2 }]
      const { body: placed } = await order(items, customer, { payment_method: "fake" })
      await settleAll()
      gateway.events.splice(0)
      if (back > 0) {
        const body = { order: placed.id, amount: "6.00", reason: "Late" }
        await call("POST", "payments/refunds", { as: staff, body })
        await settleAll()
      }
      const { ledger } = gateway
      const [payment] = ledger.payments.values()
      const events = ledger.dispute(payment?.id ?? "", first, 1400)
      const lies = events.map(({ dispute, ...event }) => ({
        ...event,
        ...(dispute && { dispute: { ...dispute, amount: dispute.amount + lie } }),
      }))
      await gateway.send(lies)
      await settleAll()
      const known = () => rows("SELECT status, amount FROM disputes")
      expect(await known()).toEqual([{ status: first, amount: 1400 + lie }])
      // What it says now is kept aside, or lost.
      if (last !== first) await gateway.send(ledger.dispute(payment?.id ?? "", last))
      expect(await known()).toEqual([{ status: first, amount: 1400 + lie }])

      const { body: run } = await call("POST", "admin/payments/reconcile", { as: staff })
      await settleAll()
      const path = `admin/payments/reconciliations/${run.id}`
      expect((await call("GET", path, { as: staff })).body).toMatchObject({ repaired: 1, open: 0 })
      expect(await known()).toEqual([{ status: last, amount: 1400 }])
      const lost = last === "lost" ? 1400 : 0
      expect(
        await rows("SELECT disputed_amount AS held, refunded_amount AS back FROM payments"),
      ).toEqual([{ held: last === "open" ? 1400 : 0, back: back + lost }])
      const { body: figures } = await call("GET", "admin/payments/analytics", { as: staff })
      expect(figures.totals).toMatchObject([{ lost: (lost / 100).toFixed(2) }])
      const { body } = await call("GET", "admin/verify", { as: await make.user("admin") })
      const checks = body.checks as { name: string; violations: unknown[] }[]
      expect(checks.flatMap(({ violations }) => violations)).toEqual([])
    },
  )
})
