import { describe, expect, it, vi } from "vitest"

import * as reconcile from "#modules/payments/reconcile.ts"
import * as reconciliations from "#modules/payments/reconciliations.ts"

import { call } from "../support/api.ts"
import { booksOf } from "../support/books.ts"
import { ctx } from "../support/ctx.ts"
import { type FakeGateway, standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { countOf, order, rows, settleAll, silentQueue } from "../support/shop.ts"

const quiet = () => vi.spyOn(console, "error").mockImplementation(() => {})

/** An order of two things of 10.00, to be paid through the fake gateway. */
async function waiting() {
  const [customer, product] = [await make.user(), await make.product({ stock_quantity: 5 })]
  const answer = await order([{ product_id: product.id, quantity: 2 }], customer, {
    payment_method: "fake",
  })
  expect(answer.status).toBe(201)
  return { id: answer.body.id as string, customer }
}

/** An order that is paid, and the shop knows it. */
async function paid(gateway: FakeGateway) {
  const made = await waiting()
  gateway.pay()
  await gateway.send()
  await settleAll()
  return made
}

/** Money at the gateway that the shop never asked for. */
function stray(gateway: FakeGateway): string {
  const { body } = gateway.ledger.handle("POST", "/v1/payments", {
    key: "of-another-shop",
    reference: "their-order",
    currency: "USD",
    amount: 700,
  })
  const { id } = body as { id: string }
  gateway.ledger.pay(id)
  return id
}

/** Runs a comparison to its end; answers it with what it found. */
async function compare(staff: { access: string }) {
  const begun = await call("POST", "admin/payments/reconcile", { as: staff })
  expect(begun.status).toBe(202)
  await settleAll()
  const { body } = await call("GET", `admin/payments/reconciliations/${begun.body.id}`, {
    as: staff,
  })
  const found = await call("GET", `admin/payments/reconciliations/${begun.body.id}/findings`, {
    as: staff,
  })
  const said = (found.body.results as Record<string, string>[]).map(
    ({ kind, outcome, detail }) => `${outcome} ${kind}: ${detail}`,
  )
  return { ...body, said }
}

const standing = async (id: string) =>
  (
    await rows(
      "SELECT status, payment_status, paid_amount, refunded_amount FROM orders WHERE id = ?",
      id,
    )
  )[0]

describe("comparing payments with their gateways", () => {
  it("finds nothing where both agree, and says what it looked at", async () => {
    const gateway = standUp()
    const staff = await make.user("staff")
    await paid(gateway)
    expect(await compare(staff)).toMatchObject({
      status: "done",
      // The payment, asked about and listed.
      checked: 2,
      repaired: 0,
      open: 0,
      said: [],
    })
  })

  it("completes a payment whose webhook was lost, once", async () => {
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await waiting()
    gateway.pay()
    expect(await compare(staff)).toMatchObject({
      repaired: 1,
      open: 0,
      said: ["repaired payment-completed: It was unpaid with 0.00 taken, and is paid with 20.00."],
    })
    expect(await standing(id)).toEqual({
      status: "confirmed",
      payment_status: "paid",
      paid_amount: 2000,
      refunded_amount: 0,
    })
    expect(await booksOf(id)).toEqual({ "gateway:fake": 2000, sales: -2000 })
    expect(await compare(staff)).toMatchObject({ repaired: 0, open: 0, said: [] })
  })

  it("adopts a refund that was made at the gateway, with its order and its books", async () => {
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await paid(gateway)
    gateway.ledger.handle("POST", "/v1/payments/fp_1/refunds", { key: "dashboard", amount: 500 })
    expect(await compare(staff)).toMatchObject({
      repaired: 1,
      open: 0,
      said: ["repaired refund-adopted: It was made at the gateway."],
    })
    expect(await standing(id)).toMatchObject({
      payment_status: "partially_refunded",
      refunded_amount: 500,
    })
    expect(await booksOf(id)).toEqual({ "gateway:fake": 1500, sales: -1500 })
    expect(await compare(staff)).toMatchObject({ repaired: 0, open: 0 })
    expect(await countOf("refunds")).toBe(1)
  })

  it("does not take its own refund, whose answer was lost, for another's", async () => {
    quiet()
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await paid(gateway)
    gateway.ledger.behave({ dropAfter: 1 })
    await call("POST", "payments/refunds", {
      as: staff,
      body: { order: id, amount: "5.00", reason: "Late" },
    })
    await settleAll().catch(() => {})
    gateway.ledger.behave({ dropAfter: 0 })
    expect(await compare(staff)).toMatchObject({ open: 0 })
    expect(await rows("SELECT status, amount FROM refunds")).toEqual([
      { status: "succeeded", amount: 500 },
    ])
    expect(gateway.ledger.totals()).toEqual({ captured: 2000, refunded: 500 })
    expect(await booksOf(id)).toEqual({ "gateway:fake": 1500, sales: -1500 })
  })

  it("takes a refund back that failed after it had succeeded", async () => {
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await paid(gateway)
    await call("POST", "payments/refunds", {
      as: staff,
      body: { order: id, amount: "5.00", reason: "Late" },
    })
    await settleAll()
    const [refund] = gateway.ledger.refunds.values()
    gateway.ledger.refunds.set(refund!.key, { ...refund!, status: "failed", failure: "closed" })
    expect((await compare(staff)).said).toEqual([
      "repaired refund-completed: It was succeeded, and is failed.",
    ])
    expect(await standing(id)).toMatchObject({ payment_status: "paid", refunded_amount: 0 })
    expect(await booksOf(id)).toEqual({ "gateway:fake": 2000, sales: -2000 })
  })

  it("reports money that no order knows, and money that the gateway does not have", async () => {
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await paid(gateway)
    stray(gateway)
    const known = gateway.ledger.payments.get("fp_1")!
    gateway.ledger.payments.set("fp_1", { ...known, captured: 0, status: "failed" })
    expect(await compare(staff)).toMatchObject({
      repaired: 0,
      open: 2,
      said: [
        "open money-missing: It has 20.00 here, and 0.00 at the gateway.",
        "open payment-unknown: No order knows of it: their-order.",
      ],
    })
    expect(await standing(id)).toMatchObject({ payment_status: "paid", paid_amount: 2000 })
    expect(gateway.ledger.totals().refunded).toBe(0)
  })

  it("gives such money back where the shop says so, once", async () => {
    const gateway = standUp()
    stray(gateway)
    const as = () => {
      const made = ctx({ events: silentQueue })
      const { payments } = made.config
      return {
        ...made,
        config: { ...made.config, payments: { ...payments, unknownPayments: "refund" as const } },
      }
    }
    for (const repaired of [1, 0]) {
      await reconciliations.nightly(as())
      const [run] = await rows<{ id: never }>(
        "SELECT id FROM reconciliations WHERE status = 'running'",
      )
      for (let steps = 0; steps < 3; steps++)
        await reconcile.work(as(), { type: "reconciliation.advanced", reconciliationId: run!.id })
      expect(
        await rows("SELECT status, repaired, open FROM reconciliations ORDER BY id DESC LIMIT 1"),
      ).toEqual([{ status: "done", repaired, open: 0 }])
    }
    expect(gateway.ledger.totals()).toEqual({ captured: 700, refunded: 700 })
  })

  it("counts each thing once when two take the same steps at once", async () => {
    const gateway = standUp()
    const { id } = await waiting()
    gateway.pay()
    await reconciliations.nightly(ctx({ events: silentQueue }))
    await reconciliations.nightly(ctx({ events: silentQueue }))
    expect(await countOf("reconciliations")).toBe(1)
    const [run] = await rows<{ id: never }>("SELECT id FROM reconciliations")
    const step = () =>
      reconcile.work(ctx({ events: silentQueue }), {
        type: "reconciliation.advanced",
        reconciliationId: run!.id,
      })
    for (let rounds = 0; rounds < 3; rounds++) await Promise.all([step(), step(), step()])
    expect(await rows("SELECT status, checked, repaired, open FROM reconciliations")).toEqual([
      { status: "done", checked: 2, repaired: 1, open: 0 },
    ])
    await settleAll()
    expect(await standing(id)).toMatchObject({ status: "confirmed", paid_amount: 2000 })
  })

  it("goes on when a gateway does not answer, and says so", async () => {
    quiet()
    const gateway = standUp()
    const staff = await make.user("staff")
    await paid(gateway)
    gateway.ledger.behave({ dropBefore: 1 })
    expect(await compare(staff)).toMatchObject({
      status: "done",
      repaired: 0,
      open: 2,
      said: [
        "open unreachable: The gateway did not list what moved.",
        "open unreachable: The gateway did not answer.",
      ],
    })
  })

  /** Begins a comparison and takes its steps to the end, without delivering anything else. */
  async function stepped(as = ctx({ events: silentQueue })) {
    await reconciliations.nightly(as)
    const [run] = await rows<{ id: never }>(
      "SELECT id FROM reconciliations ORDER BY id DESC LIMIT 1",
    )
    for (let steps = 0; steps < 4; steps++)
      await reconcile.work(as, { type: "reconciliation.advanced", reconciliationId: run!.id })
    return said(run!.id)
  }

  async function said(id: string) {
    const found = await rows<Record<string, string>>(
      "SELECT kind, outcome, detail FROM reconciliation_items WHERE reconciliation_id = ? ORDER BY key",
      id,
    )
    return found.map(({ kind, outcome, detail }) => `${outcome} ${kind}: ${detail}`)
  }

  /** A shop whose gateway was taken out of its settings. */
  function withoutGateway() {
    const made = ctx({ events: silentQueue })
    const { fake: _fake, ...payments } = made.config.payments
    return { ...made, config: { ...made.config, payments } }
  }

  const refundOf = (id: string, amount: string, staff: { access: string }) =>
    call("POST", "payments/refunds", { as: staff, body: { order: id, amount, reason: "Late" } })

  it("says so of a payment that its gateway knows nothing of, once money was taken", async () => {
    quiet()
    const gateway = standUp()
    const staff = await make.user("staff")
    await paid(gateway)
    gateway.ledger.payments.clear()
    gateway.ledger.behave({ dropBefore: 1 })
    await waiting().catch(() => {})
    gateway.ledger.behave({ dropBefore: 0 })
    expect((await compare(staff)).said).toEqual([
      "open payment-missing: The gateway knows nothing of it.",
    ])
  })

  it("says so of payments and refunds whose gateway is not set up any more", async () => {
    const gateway = standUp()
    const { id } = await paid(gateway)
    await refundOf(id, "5.00", await make.user("staff"))
    await settleAll()
    const asked = gateway.asked.length
    expect(await stepped(withoutGateway())).toEqual([
      "open payment-missing: Its gateway is not set up any more.",
      "open refund-missing: The gateway knows nothing of it.",
    ])
    expect(gateway.asked).toHaveLength(asked)
  })

  it("ends although a gateway that it was to list was taken away meanwhile", async () => {
    standUp()
    await reconciliations.nightly(ctx({ events: silentQueue }))
    const [run] = await rows<{ id: never }>("SELECT id FROM reconciliations")
    await rows(`UPDATE reconciliations SET place = '{"phase":"listed","gateway":"fake"}'`)
    const step = { type: "reconciliation.advanced", reconciliationId: run!.id } as const
    await reconcile.work(withoutGateway(), step)
    expect(await rows("SELECT status, checked, open FROM reconciliations")).toEqual([
      { status: "done", checked: 0, open: 0 },
    ])
  })

  it.each([
    ["amount", { amount: 1900, captured: 1900 }],
    ["reference", { reference: "ord_other" }],
    ["currency", { currency: "EUR" }],
  ])("leaves a payment to people where the gateway has another %s", async (what, over) => {
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await waiting()
    gateway.pay()
    const known = gateway.ledger.payments.get("fp_1")!
    gateway.ledger.payments.set("fp_1", { ...known, ...over })
    expect(await compare(staff)).toMatchObject({
      repaired: 0,
      open: 1,
      said: [`open payment-mismatch: The gateway has another ${what}.`],
    })
    expect(await standing(id)).toMatchObject({ payment_status: "unpaid", paid_amount: 0 })
  })

  it("notes what the gateway keeps once it says so, and books it", async () => {
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await paid(gateway)
    const known = gateway.ledger.payments.get("fp_1")!
    gateway.ledger.payments.set("fp_1", { ...known, fee: 35 })
    expect((await compare(staff)).said).toEqual([
      "repaired fee-noted: The gateway keeps 0.35 of it.",
    ])
    expect(await booksOf(id)).toEqual({ fees: 35, "gateway:fake": 1965, sales: -2000 })
    expect((await compare(staff)).said).toEqual([])
  })

  it("leaves a refund to people that the gateway has otherwise, or gave after it failed", async () => {
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await paid(gateway)
    await refundOf(id, "5.00", staff)
    await settleAll()
    gateway.ledger.behave({ refuseRefunds: 1 })
    await refundOf(id, "3.00", staff)
    await settleAll()
    const change = (amount: number, over: object) => {
      const refund = [...gateway.ledger.refunds.values()].find((one) => one.amount === amount)!
      gateway.ledger.refunds.set(refund.key, { ...refund, ...over })
    }
    change(300, { status: "succeeded", failure: null })
    change(500, { amount: 400 })
    expect((await compare(staff)).said.toSorted()).toEqual([
      "open refund-mismatch: It is 5.00 here, and 4.00 at the gateway.",
      "open refund-mismatch: It is failed here, and succeeded at the gateway.",
    ])
    expect(await standing(id)).toMatchObject({ refunded_amount: 500 })
    change(400, { amount: 500, status: "pending" })
    change(300, { status: "failed", failure: "refused" })
    expect((await compare(staff)).said).toEqual([])
  })

  it("says so of refunds that the gateway knows nothing of, or does not answer for", async () => {
    quiet()
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await paid(gateway)
    await refundOf(id, "5.00", staff)
    await settleAll()
    const { ledger } = gateway
    const handle = ledger.handle.bind(ledger)
    ledger.handle = (method, path, body) => {
      if (path.includes("/refunds/by-key/")) throw new TypeError("connection lost")
      return handle(method, path, body)
    }
    expect((await compare(staff)).said).toEqual(["open unreachable: The gateway did not answer."])
    ledger.handle = handle
    ledger.refunds.clear()
    expect((await compare(staff)).said).toEqual([
      "open refund-missing: The gateway knows nothing of it.",
    ])
  })

  it("says so of disputes that the gateway does not answer for, or knows nothing of", async () => {
    quiet()
    const gateway = standUp()
    const staff = await make.user("staff")
    await paid(gateway)
    const { ledger } = gateway
    const [payment] = ledger.payments.values()
    await gateway.send(ledger.dispute(payment?.id ?? "", "open", 500))
    const handle = ledger.handle.bind(ledger)
    ledger.handle = (method, path, body) => {
      if (path.includes("/disputes/")) throw new TypeError("connection lost")
      return handle(method, path, body)
    }
    expect((await compare(staff)).said).toEqual(["open unreachable: The gateway did not answer."])
    ledger.handle = handle
    expect((await compare(staff)).said).toEqual([])
    ledger.disputes.clear()
    expect((await compare(staff)).said).toEqual([
      "open dispute-mismatch: The gateway knows nothing of it.",
    ])
  })

  it("adopts no refund that failed, nor one of more than there is left", async () => {
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await paid(gateway)
    const made = { payment: "fp_1", failure: null }
    gateway.ledger.refunds.set("a", {
      ...made,
      id: "re_a",
      key: "a",
      amount: 700,
      status: "failed",
    })
    gateway.ledger.refunds.set("b", {
      ...made,
      id: "re_b",
      key: "b",
      amount: 2100,
      status: "succeeded",
    })
    expect((await compare(staff)).said).toEqual([
      "open refund-adopted: It was made at the gateway, and is more than the payment still has.",
    ])
    expect(await countOf("refunds")).toBe(0)
    expect(await standing(id)).toMatchObject({ payment_status: "paid", refunded_amount: 0 })
  })

  it("does not adopt what may be a refund of its own that is on its way", async () => {
    quiet()
    const gateway = standUp()
    const staff = await make.user("staff")
    const { id } = await paid(gateway)
    gateway.ledger.behave({ dropBefore: 1 })
    await refundOf(id, "5.00", staff)
    gateway.ledger.behave({ dropBefore: 0 })
    const refund = (key: string, amount: number) =>
      gateway.ledger.handle("POST", "/v1/payments/fp_1/refunds", { key, amount })
    refund("dashboard", 500)
    expect(await stepped()).toEqual([])
    refund("another", 400)
    expect(await stepped()).toEqual(["repaired refund-adopted: It was made at the gateway."])
    expect(await rows("SELECT status, amount FROM refunds ORDER BY amount")).toEqual([
      { status: "succeeded", amount: 400 },
      { status: "pending", amount: 500 },
    ])
  })

  it("reports strange money that the gateway does not give back, and none that was not taken", async () => {
    const gateway = standUp({ refuseRefunds: 1 })
    const made = ctx({ events: silentQueue })
    const payments = { ...made.config.payments, unknownPayments: "refund" as const }
    stray(gateway)
    gateway.ledger.payments.set("fp_1", { ...gateway.ledger.payments.get("fp_1")!, reference: "" })
    gateway.ledger.handle("POST", "/v1/payments", { key: "k", currency: "USD", amount: 900 })
    expect(await stepped({ ...made, config: { ...made.config, payments } })).toEqual([
      "open payment-unknown: No order knows of it: no reference.",
    ])
  })

  it("goes through however many payments there are, here and there, a page at a time", async () => {
    const gateway = standUp()
    const { id } = await waiting()
    const names = await rows<{ name: string }>("SELECT name FROM pragma_table_info('payments')")
    const columns = names.map(({ name }) => name).filter((name) => name !== "id")
    const copied = columns.map((name) => {
      if (name === "reference") return "reference || n"
      return name === "gateway_ref" || name === "return_token" ? "NULL" : name
    })
    await rows(
      `WITH RECURSIVE many(n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM many WHERE n < 29)
       INSERT INTO payments (id, ${columns.join(", ")})
       SELECT substr(id, 1, length(id) - 2) || n, ${copied.join(", ")} FROM payments, many WHERE reference = ?`,
      id,
    )
    for (let n = 0; n < 100; n++)
      gateway.ledger.handle("POST", "/v1/payments", { key: `k${n}`, currency: "USD", amount: 900 })
    const staff = await make.user("staff")
    expect(await compare(staff)).toMatchObject({ status: "done", checked: 21 + 101, open: 0 })
  })
})
