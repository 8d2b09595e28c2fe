import { describe, expect, it } from "vitest"

import { balanceOf } from "#modules/orders/balance.ts"
import {
  type Figures,
  judge,
  mayBecome,
  paymentStatuses,
  statusOf,
  type Told,
} from "#modules/payments/status.ts"

const at = (second: number) => new Date(second * 1000).toISOString()
const known = (over: Partial<Figures> = {}): Figures => ({
  status: "unpaid",
  reference: "ord_1",
  currency: "USD",
  amount: 2000,
  capturedAmount: 0,
  refundedAmount: 0,
  disputedAmount: 0,
  gatewayRef: "fp_1",
  captureRef: null,
  toldAt: null,
  ...over,
})
const told = (over: Partial<Told> = {}): Told => ({
  ref: "fp_1",
  reference: "ord_1",
  status: "paid",
  currency: "USD",
  amount: 2000,
  capturedAmount: 2000,
  failure: null,
  at: at(10),
  ...over,
})
const open = (status: Told["status"], second: number) =>
  told({ status, capturedAmount: 0, at: at(second) })

describe("what a gateway says", () => {
  it("counts for what was captured, whenever it comes and whatever was thought before", () => {
    for (const status of ["unpaid", "authorized", "failed", "voided"] as const)
      expect(judge(known({ status, toldAt: at(99) }), told())).toEqual({
        status: "paid",
        capturedAmount: 2000,
        isNews: true,
      })
  })

  it("never takes captured money back", () => {
    const paid = known({ status: "paid", capturedAmount: 2000, toldAt: at(5) })
    for (const status of ["unpaid", "authorized", "failed", "voided"] as const)
      expect(judge(paid, open(status, 20))).toMatchObject({ status: "paid", isNews: false })
    const back = { ...paid, status: "partially_refunded" as const, refundedAmount: 500 }
    expect(judge(back, told({ at: at(20) }))).toMatchObject({
      status: "partially_refunded",
      isNews: false,
    })
  })

  it("is old when something later is known, and changes nothing then", () => {
    const authorized = known({ status: "authorized", toldAt: at(10) })
    expect(judge(authorized, open("failed", 9))).toMatchObject({
      status: "authorized",
      isNews: false,
    })
    expect(judge(authorized, open("failed", 11))).toMatchObject({ status: "failed", isNews: true })
  })

  it("does nothing that the table does not allow: what is void stays void, unless money came", () => {
    const voided = known({ status: "voided", toldAt: at(1) })
    expect(judge(voided, open("authorized", 20))).toMatchObject({ status: "voided" })
    expect(mayBecome("voided", "authorized")).toBe(false)
  })

  it.each([
    ["reference", { reference: "ord_2" }],
    ["currency", { currency: "EUR" }],
    ["amount", { amount: 1999 }],
    ["gateway-ref", { ref: "fp_2" }],
    ["captured", { capturedAmount: 2001 }],
  ])("of another %s is not of this payment", (mismatch, over) => {
    expect(judge(known(), told(over))).toEqual({ mismatch })
  })

  it("of other money than was taken is not of this payment", () => {
    const paid = known({ status: "paid", capturedAmount: 2000, captureRef: "ch_1" })
    expect(judge(paid, told({ captureRef: "ch_2" }))).toEqual({ mismatch: "capture-ref" })
    expect(judge(paid, told({ captureRef: "ch_1" }))).toMatchObject({ isNews: false })
    expect(judge(paid, told())).toMatchObject({ isNews: false })
  })

  it("changes nothing about a dispute", () => {
    const disputed = known({ status: "disputed", capturedAmount: 2000, disputedAmount: 500 })
    expect(judge(disputed, told())).toMatchObject({ status: "disputed", isNews: false })
  })

  it("leads to every state, and each is what its amounts say", () => {
    expect([statusOf(2000, 0), statusOf(2000, 1), statusOf(2000, 2000)]).toEqual([
      "paid",
      "partially_refunded",
      "refunded",
    ])
    expect([statusOf(2000, 0, 2000), statusOf(2000, 1999, 1)]).toEqual(["disputed", "disputed"])
    const reached = new Set(
      paymentStatuses.flatMap((from) => paymentStatuses.filter((to) => mayBecome(from, to))),
    )
    expect(reached).toEqual(new Set(paymentStatuses.filter((status) => status !== "unpaid")))
  })
})

describe("an order by its payments", () => {
  const of = (
    status: Figures["status"],
    capturedAmount = 0,
    refundedAmount = 0,
    amount = 1000,
  ) => ({
    status,
    amount,
    capturedAmount,
    refundedAmount,
    refundedTaxAmount: 0,
    refundedShippingAmount: 0,
  })
  it.each([
    ["unpaid", []],
    ["unpaid", [of("failed"), of("unpaid")]],
    ["failed", [of("voided"), of("failed")]],
    ["voided", [of("voided")]],
    ["authorized", [of("failed"), of("authorized")]],
    ["unpaid", [of("paid", 600), of("unpaid")]],
    ["unpaid", [of("paid", 600), of("failed")]],
    ["unpaid", [of("authorized", 0, 0, 999), of("failed")]],
    ["authorized", [of("paid", 600), of("authorized", 0, 0, 400)]],
    ["unpaid", [of("paid", 600), of("authorized", 0, 0, 399)]],
    ["paid", [of("paid", 600), of("paid", 400)]],
    ["partially_refunded", [of("paid", 600), of("refunded", 400, 400)]],
    ["refunded", [of("refunded", 600, 600), of("refunded", 400, 400)]],
    ["disputed", [of("disputed", 600), of("refunded", 400, 400)]],
  ] as const)("is %s", (paymentStatus, payments) => {
    expect(balanceOf(1000, payments)).toMatchObject({ paymentStatus })
  })

  it("of nothing is paid", () => {
    expect(balanceOf(0, [])).toEqual({
      paymentStatus: "paid",
      paidAmount: 0,
      refundedAmount: 0,
      refundedTaxAmount: 0,
      refundedShippingAmount: 0,
    })
  })
})
