import { z } from "zod"

import { id, Instant, Money, pageOf, pageQuery } from "#lib/shapes.ts"

import { findingKinds } from "./findings.ts"
import { PaymentMethodName } from "./model.ts"

/** A comparison of what the shop knows of payments with what the gateways say. */
export const Reconciliation = z
  .object({
    id: id("reconciliation", "rcn_01kaeq4w8s0000000000000000"),
    status: z.enum(["running", "done", "abandoned"]),
    since: Instant.meta({
      description: "What moved since then was looked at, and all that is open",
    }),
    checked: z.int().meta({ description: "Payments and refunds that were compared", example: 120 }),
    repaired: z.int().meta({ description: "Differences that were mended", example: 2 }),
    open: z.int().meta({ description: "Differences that are left to people", example: 0 }),
    actor: z.string().meta({ example: "system" }),
    created_at: Instant,
    finished_at: Instant.nullable(),
  })
  .meta({ id: "Reconciliation" })
export type Reconciliation = z.infer<typeof Reconciliation>

/** A page of comparisons. */
export const ReconciliationPage = pageOf(Reconciliation, "ReconciliationPage")

/** How comparisons are listed. */
export const ReconciliationQuery = z.object({ ...pageQuery })
export type ReconciliationQuery = z.infer<typeof ReconciliationQuery>

/** How far back a comparison looks; what is still open is looked at however old it is. */
export const NewReconciliation = z
  .object({
    days: z
      .int({ error: "A whole number of days is required." })
      .min(1, "At least one day.")
      .max(90, "At most 90 days.")
      .default(3),
  })
  .meta({ example: { days: 3 } })
export type NewReconciliation = z.infer<typeof NewReconciliation>

/** A difference that was found. */
export const Finding = z
  .object({
    kind: z.enum(findingKinds),
    outcome: z.enum(["repaired", "open"]),
    provider: PaymentMethodName,
    payment: z.string().nullable(),
    refund: z.string().nullable(),
    order: z.string().nullable(),
    transaction_id: z.string().nullable().meta({ description: "The gateway's own id of it" }),
    amount: Money.nullable(),
    currency: z.string().nullable(),
    detail: z.string(),
    created_at: Instant,
  })
  .meta({ id: "ReconciliationFinding" })
export type Finding = z.infer<typeof Finding>

/** A page of differences. */
export const FindingPage = pageOf(Finding, "ReconciliationFindingPage")

/** Which differences. */
export const FindingQuery = z.object({
  outcome: z.enum(["repaired", "open"]).optional(),
  ...pageQuery,
})
export type FindingQuery = z.infer<typeof FindingQuery>
