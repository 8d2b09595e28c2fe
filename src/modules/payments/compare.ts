import { and, asc, eq, gt, gte, inArray, lt, notInArray, or, type SQL, sql } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { type Id, idFloor } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"

import { answered, requestOf, unreachable } from "./asking.ts"
import { askedDispute, isAbout, mendDispute, openDisputes } from "./compare-disputes.ts"
import type { Place } from "./findings.ts"
import type { Gateway, Listed } from "./gateway.ts"
import { gatewayOf } from "./gateways.ts"
import {
  adopt,
  type Finding,
  type Found,
  mendPayment,
  mendRefund,
  ofPayment,
  ofRefund,
} from "./mend.ts"
import { type GatewayName, isGateway, type PaymentMethod, paymentMethods } from "./method.ts"
import { get, type PaymentRow } from "./payments.ts"
import type { ReconciliationRow } from "./reconciliations.ts"
import { isAdopted, isOnItsWay } from "./refund-answers.ts"
import type { RefundRow } from "./refunds.ts"
import { payments, reconciliationItems, refunds } from "./tables.ts"

/** How many payments or refunds one step asks about: each is a request of its own, and up to some four queries. */
const pageSize = 20

/** Methods that nobody can be asked about. */
const ours = paymentMethods.filter((method) => !isGateway(method))

/**
 * Compares one page of what is known, or of what a gateway lists, with the other side, and mends what can be. A gateway
 * that does not answer is a finding, and no reason to stop.
 */
export function compared(ctx: Ctx, run: ReconciliationRow, place: Place): Promise<Found> {
  switch (place.phase) {
    case "open-payments":
    case "recent-payments":
      return askedPayments(ctx, run, place)
    case "open-refunds":
    case "recent-refunds":
      return askedRefunds(ctx, run, place)
    case "open-disputes":
      return askedDisputes(ctx, run, place)
    case "listed":
      return listed(ctx, run, place)
  }
}

type ById = Exclude<Place, { phase: "listed" }>

async function askedPayments(ctx: Ctx, run: ReconciliationRow, place: ById): Promise<Found> {
  const since = idFloor("payment", new Date(run.since))
  const after = place.after as Id<"payment">
  const chosen =
    place.phase === "open-payments"
      ? // By the index of what is asked about: by the primary key it would be a walk over all there are.
        sql`${payments.id} IN (SELECT id FROM payments INDEXED BY payments_asked WHERE check_at IS NOT NULL AND id > ${after} AND id < ${since} ORDER BY id LIMIT ${pageSize})`
      : and(gt(payments.id, after), gte(payments.id, since), notInArray(payments.provider, ours))
  const rows = await ctx.db
    .select()
    .from(payments)
    .where(chosen)
    .orderBy(asc(payments.id))
    .limit(pageSize)
  const findings = await inTurn(rows, (payment) => askedPayment(ctx, run, payment))
  return { checked: rows.length, findings, next: nextOf(place, rows) }
}

async function askedPayment(
  ctx: Ctx,
  run: ReconciliationRow,
  payment: PaymentRow,
): Promise<Finding[]> {
  const gateway = gatewayOf(ctx, payment.provider)
  const answer = await answered(ctx, () => gateway?.find(requestOf(ctx, payment)))
  if (answer === unreachable)
    return [ofPayment(payment, "unreachable", "The gateway did not answer.")]
  if (answer) return mendPayment(ctx, run, payment, answer)
  // What nobody paid gateways forget.
  if (payment.capturedAmount === 0) return []
  const detail = gateway
    ? "The gateway knows nothing of it."
    : "Its gateway is not set up any more."
  return [ofPayment(payment, "payment-missing", detail)]
}

async function askedRefunds(ctx: Ctx, run: ReconciliationRow, place: ById): Promise<Found> {
  const since = idFloor("refund", new Date(run.since))
  const after = place.after as Id<"refund">
  const chosen =
    place.phase === "open-refunds"
      ? sql`${refunds.id} IN (SELECT id FROM refunds INDEXED BY refunds_asked WHERE check_at IS NOT NULL AND id > ${after} AND id < ${since} ORDER BY id LIMIT ${pageSize})`
      : and(gt(refunds.id, after), gte(refunds.id, since))
  const rows = await ctx.db
    .select()
    .from(refunds)
    .where(chosen)
    .orderBy(asc(refunds.id))
    .limit(pageSize)
  const made = await ctx.db
    .select()
    .from(payments)
    .where(
      inArray(
        payments.id,
        rows.map(({ paymentId }) => paymentId),
      ),
    )
  const findings = await inTurn(rows, async (refund) => {
    const payment = made.find(({ id }) => id === refund.paymentId)
    // What was made at the gateway is known there by another id: its list says what became of it.
    const isAsked = payment && isGateway(payment.provider) && !isAdopted(refund)
    return isAsked ? askedRefund(ctx, run, payment, refund) : []
  })
  return { checked: rows.length, findings, next: nextOf(place, rows) }
}

async function askedRefund(
  ctx: Ctx,
  run: ReconciliationRow,
  payment: PaymentRow,
  refund: RefundRow,
): Promise<Finding[]> {
  const { provider, gatewayRef, captureRef } = payment
  if (gatewayRef === null) return []
  const { id: key, gatewayRef: ref, amount, currency } = refund
  const asked = { key, ref, amount, currency, payment: { ref: gatewayRef, captureRef } }
  const answer = await answered(ctx, () => gatewayOf(ctx, provider)?.findRefund(asked))
  if (answer === unreachable)
    return [ofRefund(refund, provider, "unreachable", "The gateway did not answer.")]
  if (answer) return mendRefund(ctx, run, refund, provider, answer)
  // What is on its way and was not heard of is asked for again by the sweep; what has failed was never made.
  if (refund.status !== "succeeded") return []
  return [ofRefund(refund, provider, "refund-missing", "The gateway knows nothing of it.")]
}

async function askedDisputes(ctx: Ctx, run: ReconciliationRow, place: ById): Promise<Found> {
  const rows = await openDisputes(ctx, place.after, pageSize)
  const findings = await inTurn(rows, (dispute) => askedDispute(ctx, run, dispute))
  const last = rows.length < pageSize ? undefined : rows.at(-1)
  const next = last === undefined ? null : { ...place, after: last.gatewayRef }
  return { checked: rows.length, findings, next }
}

async function listed(
  ctx: Ctx,
  run: ReconciliationRow,
  place: Extract<Place, { phase: "listed" }>,
): Promise<Found> {
  const { gateway: provider, cursor } = place
  const gateway = gatewayOf(ctx, provider)
  const page = await answered(ctx, () => gateway?.list?.(new Date(run.since), cursor))
  if (page === unreachable)
    return {
      checked: 0,
      findings: [stray(provider, "unreachable", provider, "The gateway did not list what moved.")],
      next: null,
    }
  if (!page || !gateway) return { checked: 0, findings: [], next: null }
  const known = await knownOf(ctx, provider, page)
  const findings = [
    ...(await inTurn(page.payments, async (told) => {
      const payment = known.payments.find(
        ({ id, gatewayRef }) => id === told.key || (gatewayRef !== null && gatewayRef === told.ref),
      )
      if (!payment) return strayPayment(ctx, run, gateway, provider, told)
      const ref = told.ref ?? payment.gatewayRef
      return ref === null ? [] : mendPayment(ctx, run, payment, { ...told, ref })
    })),
    ...(await inTurn(page.refunds, (told) => listedRefund(ctx, run, known, told))),
    ...(await inTurn(page.disputes, async (told) => {
      const payment = known.payments.find((one) => isAbout(one, provider, told))
      // Of a payment that nobody knows: that is the finding.
      return payment ? mendDispute(ctx, run, await get(ctx, payment.id), told) : []
    })),
  ]
  return {
    checked: page.payments.length + page.refunds.length + page.disputes.length,
    findings,
    next: page.next === null ? null : { ...place, cursor: page.next },
  }
}

type Known = { payments: PaymentRow[]; refunds: RefundRow[] }

/** What of a page is known, by our ids and by the gateway's. */
async function knownOf(ctx: Ctx, provider: GatewayName, page: Listed): Promise<Known> {
  // One parameter each, however many there are (D1: at most 100).
  const among = (values: readonly (string | null | undefined)[]): SQL =>
    sql`(SELECT value FROM json_each(${JSON.stringify(values.filter(Boolean))}))`
  const of = [...page.refunds, ...page.disputes].map(({ payment }) => payment)
  const keys = [...page.payments, ...page.disputes].map(({ key }) => key)
  const [made, given] = await ctx.db.batch([
    ctx.db
      .select()
      .from(payments)
      .where(
        or(
          sql`${payments.id} IN ${among(keys)} AND ${payments.provider} = ${provider}`,
          sql`${payments.provider} = ${provider} AND ${payments.gatewayRef} IN ${among([...page.payments.map(({ ref }) => ref), ...of.map(({ ref }) => ref)])}`,
          sql`${payments.provider} = ${provider} AND ${payments.captureRef} IN ${among(of.map(({ captureRef }) => captureRef))}`,
        ),
      ),
    ctx.db
      .select()
      .from(refunds)
      .where(
        or(
          sql`${refunds.id} IN ${among(page.refunds.map(({ key }) => key))}`,
          sql`${refunds.gatewayRef} IN ${among(page.refunds.map(({ ref }) => ref))}`,
        ),
      ),
  ])
  return { payments: made, refunds: given }
}

async function listedRefund(
  ctx: Ctx,
  run: ReconciliationRow,
  known: Known,
  told: Listed["refunds"][number],
): Promise<Finding[]> {
  const payment = known.payments.find(
    ({ gatewayRef, captureRef }) =>
      (gatewayRef !== null && gatewayRef === told.payment.ref) ||
      (captureRef !== null && captureRef === told.payment.captureRef),
  )
  // Of a payment that nobody knows: that is the finding.
  if (!payment) return []
  const refund = known.refunds.find(
    ({ id, paymentId, gatewayRef }) =>
      paymentId === payment.id && (id === told.key || gatewayRef === told.ref),
  )
  if (refund) return mendRefund(ctx, run, refund, payment.provider, told)
  if (told.status === "failed" || told.currency !== payment.currency) return []
  if (await isOnItsWay(ctx, payment, told.amount)) return []
  return adopt(ctx, run, payment, told)
}

/** Money at a gateway that no payment of ours stands for: it is reported, and where the setting says so goes back. */
async function strayPayment(
  ctx: Ctx,
  run: ReconciliationRow,
  gateway: Gateway,
  provider: GatewayName,
  told: Listed["payments"][number],
): Promise<Finding[]> {
  if (told.capturedAmount === 0 || told.ref === null) return []
  const { ref, capturedAmount: amount, currency } = told
  const found = {
    ...stray(
      provider,
      "payment-unknown",
      ref,
      `No order knows of it: ${told.reference || "no reference"}.`,
    ),
    amount,
    currency,
  }
  const [before] = await ctx.db
    .select({ key: reconciliationItems.key })
    .from(reconciliationItems)
    .where(
      and(
        eq(reconciliationItems.gatewayRef, ref),
        eq(reconciliationItems.kind, "payment-unknown"),
        eq(reconciliationItems.outcome, "repaired"),
        lt(reconciliationItems.reconciliationId, run.id),
      ),
    )
    .limit(1)
  if (before) return []
  if (ctx.config.payments.unknownPayments === "report") return [found]
  const captureRef = told.captureRef ?? null
  const answer = await answered(ctx, () =>
    gateway.refund({ ref, captureRef }, { amount, currency }, `stray-${ref}`),
  )
  if (answer === unreachable || answer?.status === "failed") return [found]
  const detail = `No order knew of it: ${toDecimal(amount, currency)} went back.`
  return [{ ...found, outcome: "repaired", detail }]
}

function stray(
  provider: PaymentMethod,
  kind: Finding["kind"],
  gatewayRef: string,
  detail: string,
): Finding {
  return {
    key: `${kind}:${provider}:${gatewayRef}`,
    kind,
    outcome: "open",
    provider,
    paymentId: null,
    refundId: null,
    gatewayRef,
    reference: null,
    amount: null,
    currency: null,
    detail,
  }
}

async function inTurn<T>(
  all: readonly T[],
  work: (one: T) => Promise<Finding[]>,
): Promise<Finding[]> {
  const found: Finding[] = []
  for (const one of all) found.push(...(await work(one)))
  return found
}

function nextOf(place: ById, rows: readonly { id: string }[]): Place | null {
  const last = rows.length < pageSize ? undefined : rows.at(-1)
  return last === undefined ? null : { ...place, after: last.id }
}
