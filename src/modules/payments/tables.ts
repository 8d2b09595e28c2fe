import { sql } from "drizzle-orm"
import {
  check,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core"

import type { Id } from "#lib/id.ts"
import { users } from "#modules/users/tables.ts"

import { findingKinds, type Place } from "./findings.ts"
import { paymentMethods } from "./method.ts"
import { paymentStatuses } from "./status.ts"

/**
 * Payments, each of one try to pay `amount` minor units of `currency` for whatever `reference` names (an order's id).
 * `refundedAmount` counts refunds that are still on their way too: several at once never come to more than what was
 * captured.
 */
export const payments = sqliteTable(
  "payments",
  {
    id: text().$type<Id<"payment">>().primaryKey(),
    reference: text().notNull(),
    provider: text({ enum: paymentMethods }).notNull(),
    status: text({ enum: paymentStatuses }).notNull(),
    currency: text().notNull(),
    amount: integer().notNull(),
    capturedAmount: integer().notNull(),
    refundedAmount: integer().notNull(),
    /** The parts of `refundedAmount` that were tax, and shipping before tax. */
    refundedTaxAmount: integer().notNull().default(0),
    refundedShippingAmount: integer().notNull().default(0),
    /** What banks hold of it while disputes are open. */
    disputedAmount: integer().notNull().default(0),
    /** What the gateway keeps of it; NULL until the gateway says so. */
    feeAmount: integer(),
    /** Whether the gateway takes the money at once, or staff say when. */
    capture: text({ enum: ["automatic", "manual"] }).notNull(),
    /** The gateway's own id of it; NULL until the gateway has answered once. */
    gatewayRef: text(),
    /** The card that it was paid by, of a gift card's payment, and the end of its code. */
    giftCardId: text().$type<Id<"giftCard">>(),
    giftCardLast4: text(),
    /** What the gateway calls the money that was taken, where that is another id. */
    captureRef: text(),
    /** Where the payer's browser goes afterwards, and by which token it comes back from the gateway. */
    returnUrl: text(),
    returnToken: text(),
    /** What the client needs to pay. */
    action: text({ mode: "json" }).$type<{ clientSecret?: string; redirectUrl?: string }>(),
    /** Why it failed, in the gateway's word. */
    failure: text(),
    /** Who may see it: an account, or whoever holds a token (its SHA-256). */
    userId: text().$type<Id<"user">>(),
    tokenHash: text(),
    /** Since when it is to be given up; the gateway has the last word. */
    voidRequestedAt: text(),
    /** As of when the gateway said what is known of it. */
    toldAt: text(),
    /** When the gateway is asked about it again; NULL: there is nothing left to ask. */
    checkAt: text(),
    /** How often it was asked so. */
    checks: integer().notNull(),
    /** Counts its changes: who changes it says which version they saw, or adds to its amounts in SQL. */
    version: integer().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    index("payments_reference").on(t.reference, t.createdAt, t.id),
    index("payments_user").on(t.userId, t.createdAt, t.id),
    index("payments_created").on(t.createdAt, t.id),
    index("payments_status").on(t.status, t.createdAt, t.id),
    index("payments_provider").on(t.provider, t.createdAt, t.id),
    uniqueIndex("payments_gateway_ref").on(t.provider, t.gatewayRef),
    uniqueIndex("payments_capture_ref").on(t.provider, t.captureRef),
    uniqueIndex("payments_return_token").on(t.returnToken),
    uniqueIndex("payments_open")
      .on(t.reference, t.provider)
      .where(sql`status = 'unpaid' AND void_requested_at IS NULL`),
    // The same by id, to go through all that is still asked about.
    index("payments_asked")
      .on(t.id)
      .where(sql`check_at IS NOT NULL`),
    index("payments_due")
      .on(t.checkAt)
      .where(sql`check_at IS NOT NULL`),
    check(
      "payments_amounts",
      sql`amount > 0 AND refunded_amount >= 0 AND refunded_amount <= captured_amount AND captured_amount <= amount`,
    ),
  ],
)

/**
 * Money on its way back, of one payment. `key` says for what, once: `cancel:<order>`, `return:<return>`; refunded over
 * several payments it has a row for each.
 */
export const refunds = sqliteTable(
  "refunds",
  {
    id: text().$type<Id<"refund">>().primaryKey(),
    key: text().notNull(),
    paymentId: text()
      .$type<Id<"payment">>()
      .notNull()
      .references(() => payments.id),
    reference: text().notNull(),
    status: text({ enum: ["pending", "succeeded", "failed"] }).notNull(),
    amount: integer().notNull(),
    /** The parts of `amount` that are tax, and shipping before tax, where goods or service are paid back. */
    taxAmount: integer().notNull().default(0),
    shippingAmount: integer().notNull().default(0),
    currency: text().notNull(),
    reason: text().notNull(),
    /** `store_credit`: given to the account as credit, and nobody is asked for it; NULL: back the way it came. */
    destination: text({ enum: ["store_credit"] }),
    gatewayRef: text(),
    failure: text(),
    checkAt: text(),
    checks: integer().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    uniqueIndex("refunds_key").on(t.key, t.paymentId),
    index("refunds_payment").on(t.paymentId, t.createdAt),
    index("refunds_reference").on(t.reference, t.createdAt),
    index("refunds_gateway_ref").on(t.gatewayRef),
    index("refunds_asked")
      .on(t.id)
      .where(sql`check_at IS NOT NULL`),
    index("refunds_due")
      .on(t.checkAt)
      .where(sql`check_at IS NOT NULL`),
    check("refunds_amount", sql`amount > 0`),
  ],
)

/**
 * Payments that payers' banks take back, by the gateway's own id: what is `open` is held back meanwhile, what is
 * `lost` counts as refunded. Amounts in minor units.
 */
export const disputes = sqliteTable(
  "disputes",
  {
    provider: text({ enum: paymentMethods }).notNull(),
    gatewayRef: text().notNull(),
    paymentId: text()
      .$type<Id<"payment">>()
      .notNull()
      .references(() => payments.id),
    status: text({ enum: ["open", "won", "lost"] }).notNull(),
    amount: integer().notNull(),
    currency: text().notNull(),
    reason: text(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.provider, t.gatewayRef] }),
    index("disputes_payment").on(t.paymentId, t.createdAt),
    index("disputes_open")
      .on(t.gatewayRef)
      .where(sql`status = 'open'`),
    check("disputes_amount", sql`amount > 0`),
  ],
)

/**
 * What gateways told us by webhook, each event once: the row stands in the batch of its effect. `quarantined`: it
 * was signed but does not fit what we know, and changed nothing.
 */
export const gatewayEvents = sqliteTable(
  "gateway_events",
  {
    provider: text({ enum: paymentMethods }).notNull(),
    eventId: text().notNull(),
    paymentId: text().$type<Id<"payment">>(),
    kind: text().notNull(),
    outcome: text({ enum: ["applied", "ignored", "quarantined"] }).notNull(),
    /** Why it was quarantined. */
    reason: text(),
    /** What was told, as it was understood. */
    news: text({ mode: "json" }).$type<unknown>().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.provider, t.eventId] }),
    index("gateway_events_payment").on(t.paymentId, t.createdAt),
    index("gateway_events_quarantined")
      .on(t.createdAt)
      .where(sql`outcome = 'quarantined'`),
  ],
)

/**
 * Comparisons of what is known of payments with what gateways say, of everything that is open and what moved since
 * `since`. `place`: where the next step begins; NULL: it is done. One runs at a time.
 */
export const reconciliations = sqliteTable(
  "reconciliations",
  {
    id: text().$type<Id<"reconciliation">>().primaryKey(),
    status: text({ enum: ["running", "done", "abandoned"] }).notNull(),
    since: text().notNull(),
    place: text({ mode: "json" }).$type<Place>(),
    /** Counts its steps: of two who take the same one the second breaks. */
    step: integer().notNull(),
    checked: integer().notNull(),
    repaired: integer().notNull(),
    open: integer().notNull(),
    actor: text().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
    finishedAt: text(),
  },
  (t) => [
    uniqueIndex("reconciliations_running")
      .on(t.status)
      .where(sql`status = 'running'`),
  ],
)

/** What a comparison found, each thing once: mended (`repaired`), or left to people (`open`). */
export const reconciliationItems = sqliteTable(
  "reconciliation_items",
  {
    reconciliationId: text()
      .$type<Id<"reconciliation">>()
      .notNull()
      .references(() => reconciliations.id),
    /** What was found of what. */
    key: text().notNull(),
    kind: text({ enum: findingKinds }).notNull(),
    outcome: text({ enum: ["repaired", "open"] }).notNull(),
    provider: text({ enum: paymentMethods }).notNull(),
    paymentId: text().$type<Id<"payment">>(),
    refundId: text().$type<Id<"refund">>(),
    gatewayRef: text(),
    reference: text(),
    amount: integer(),
    currency: text(),
    detail: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.reconciliationId, t.key] }),
    index("reconciliation_items_outcome").on(t.reconciliationId, t.outcome, t.key),
    index("reconciliation_items_ref").on(t.gatewayRef),
  ],
)

/**
 * What became of payments, by the day they were begun (UTC), and what was given back or lost to banks, by the day of that. `tried`: all
 * there were; `paid`: something was captured; `failed`: and nothing was. Kept by triggers on `payments`, `refunds` and
 * `disputes` (migrations/*_payment_statistics.sql).
 */
export const paymentStats = sqliteTable(
  "payment_stats",
  {
    day: text().notNull(),
    provider: text({ enum: paymentMethods }).notNull(),
    currency: text().notNull(),
    tried: integer().notNull(),
    paid: integer().notNull(),
    failed: integer().notNull(),
    capturedAmount: integer().notNull(),
    feeAmount: integer().notNull(),
    disputedAmount: integer().notNull(),
    lostAmount: integer().notNull(),
    refunds: integer().notNull(),
    refundedAmount: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.day, t.provider, t.currency] })],
)

/** Whose customer an account is, at gateways that keep payment methods: `ref` is the gateway's own id. */
export const paymentCustomers = sqliteTable(
  "payment_customers",
  {
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    provider: text({ enum: paymentMethods }).notNull(),
    ref: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.provider] })],
)
