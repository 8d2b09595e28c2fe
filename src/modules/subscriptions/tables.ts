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
import type { orders } from "#modules/orders/tables.ts"
import type { payments } from "#modules/payments/tables.ts"
import { users } from "#modules/users/tables.ts"

import { intervals } from "./cycle.ts"
import { changeKinds, renewalStatuses, subscriptionStatuses } from "./status.ts"

type Address = (typeof orders.$inferSelect)["shippingAddress"]

/**
 * What can be subscribed to: how often, for how long, and for how much less. A running subscription keeps the terms
 * that it was started under.
 */
export const subscriptionPlans = sqliteTable(
  "subscription_plans",
  {
    id: text().$type<Id<"plan">>().primaryKey(),
    name: text().notNull(),
    description: text().notNull(),
    interval: text({ enum: intervals }).notNull(),
    intervalCount: integer().notNull(),
    trialDays: integer().notNull(),
    /** Off the catalogue's price, where `subscriptionPlanPrices` has none. 1000 = 10 %. */
    discountBasisPoints: integer().notNull(),
    /** After how many periods it ends by itself; NULL: never. */
    maxCycles: integer(),
    isActive: integer({ mode: "boolean" }).notNull(),
    /** Whether it can be had for everything; else `subscriptionPlanItems` says for what. */
    isForAll: integer({ mode: "boolean" }).notNull(),
    version: integer().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    index("subscription_plans_created").on(t.createdAt, t.id),
    index("subscription_plans_active").on(t.isActive, t.createdAt, t.id),
    check(
      "subscription_plans_terms",
      sql`interval_count > 0 AND trial_days >= 0 AND discount_basis_points BETWEEN 0 AND 10000 AND (max_cycles IS NULL OR max_cycles > 0)`,
    ),
  ],
)

/** What a plan can be had for: one variant, or (`variantId` empty) all of a product. */
export const subscriptionPlanItems = sqliteTable(
  "subscription_plan_items",
  {
    planId: text()
      .$type<Id<"plan">>()
      .notNull()
      .references(() => subscriptionPlans.id),
    productId: text().$type<Id<"product">>().notNull(),
    variantId: text().$type<Id<"variant"> | "">().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.planId, t.productId, t.variantId] }),
    index("subscription_plan_items_product").on(t.productId, t.planId),
  ],
)

/** What one of a variant costs by a plan, each period: minor units of `currency`, which is the shop's. */
export const subscriptionPlanPrices = sqliteTable(
  "subscription_plan_prices",
  {
    planId: text()
      .$type<Id<"plan">>()
      .notNull()
      .references(() => subscriptionPlans.id),
    variantId: text().$type<Id<"variant">>().notNull(),
    amount: integer().notNull(),
    currency: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.planId, t.variantId] }),
    check("subscription_plan_prices_amount", sql`amount > 0`),
  ],
)

/** What a subscription brings each period: names as they were, prices as they were agreed. Minor units. */
export type Item = {
  productId: Id<"product">
  variantId: Id<"variant">
  name: string
  sku: string | null
  quantity: number
  unitAmount: number
}

/** Subscriptions. Amounts are minor units of `currency`. `version` is that of its last row of history. */
export const subscriptions = sqliteTable(
  "subscriptions",
  {
    id: text().$type<Id<"subscription">>().primaryKey(),
    userId: text()
      .$type<Id<"user">>()
      .notNull()
      .references(() => users.id),
    planId: text()
      .$type<Id<"plan">>()
      .notNull()
      .references(() => subscriptionPlans.id),
    planName: text().notNull(),
    status: text({ enum: subscriptionStatuses }).notNull(),
    currency: text().notNull(),
    interval: text({ enum: intervals }).notNull(),
    intervalCount: integer().notNull(),
    maxCycles: integer(),
    items: text({ mode: "json" }).$type<Item[]>().notNull(),
    /** Other prices, by variant, that hold for periods that begin at `from` or later: their customer was told. */
    upcoming: text({ mode: "json" }).$type<{ from: string; unitAmounts: Record<string, number> }>(),
    /** Where its periods are counted from: number `anchorPeriod` begins then. */
    anchorAt: text().notNull(),
    anchorPeriod: integer().notNull(),
    /** The period that runs, or ran last: from 1; 0 is the trial. */
    period: integer().notNull(),
    periodStart: text().notNull(),
    periodEnd: text().notNull(),
    /** What the period costs, as changes of it reckon; NULL: nothing was asked for it. */
    periodAmount: integer(),
    /** What changes have left to be paid with the next order; below zero: to be taken off it. */
    balanceAmount: integer().notNull(),
    /** How many periods have been ordered, those that were cancelled apart. */
    cycles: integer().notNull(),
    trialEndsAt: text(),
    provider: text()
      .$type<Exclude<(typeof payments.$inferSelect)["provider"], "gift_card" | "store_credit">>()
      .notNull(),
    /** The payment method that its gateway keeps. */
    methodRef: text(),
    shippingAddress: text({ mode: "json" }).$type<Address>(),
    billingAddress: text({ mode: "json" }).$type<Address>(),
    shippingMethod: text(),
    cancelAtPeriodEnd: integer({ mode: "boolean" }).notNull(),
    cancelReason: text().notNull(),
    resumeAt: text(),
    pausedAt: text(),
    cancelledAt: text(),
    endedAt: text(),
    /** Why the last try to renew or to charge it failed; NULL: it did not. `failedAt`: when the first of `attempts` did. */
    failure: text(),
    failedAt: text(),
    attempts: integer().notNull(),
    /** The order that waits for its money, and the payment that its gateway was last asked for, if no answer counts yet. */
    orderId: text().$type<Id<"order">>(),
    paymentId: text().$type<Id<"payment">>(),
    /** The period that its customer was last told of beforehand. */
    noticedPeriod: integer().notNull(),
    /** When there is something to do for it; NULL: nothing, by itself. */
    nextAt: text(),
    version: integer().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
  },
  (t) => [
    index("subscriptions_user").on(t.userId, t.createdAt, t.id),
    index("subscriptions_created").on(t.createdAt, t.id),
    index("subscriptions_status").on(t.status, t.createdAt, t.id),
    index("subscriptions_plan").on(t.planId, t.createdAt, t.id),
    index("subscriptions_plan_status").on(t.planId, t.status, t.createdAt, t.id),
    index("subscriptions_plan_id").on(t.planId, t.id),
    index("subscriptions_due")
      .on(t.nextAt)
      .where(sql`next_at IS NOT NULL`),
    // One trial of a plan for each customer.
    uniqueIndex("subscriptions_trial")
      .on(t.userId, t.planId)
      .where(sql`trial_ends_at IS NOT NULL`),
  ],
)

/** Every change of a subscription: its history, and the lock that two writers break on (`subscription_id, version`). */
export const subscriptionChanges = sqliteTable(
  "subscription_changes",
  {
    subscriptionId: text()
      .$type<Id<"subscription">>()
      .notNull()
      .references(() => subscriptions.id),
    version: integer().notNull(),
    kind: text({ enum: changeKinds }).notNull(),
    from: text(),
    to: text().notNull(),
    note: text().notNull(),
    actor: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.subscriptionId, t.version] })],
)

/** The order of each period: the row stands in the order's own batch, so of one period there is one order. */
export const subscriptionRenewals = sqliteTable(
  "subscription_renewals",
  {
    subscriptionId: text()
      .$type<Id<"subscription">>()
      .notNull()
      .references(() => subscriptions.id),
    period: integer().notNull(),
    orderId: text().$type<Id<"order">>().notNull(),
    status: text({ enum: renewalStatuses }).notNull(),
    startsAt: text().notNull(),
    endsAt: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.subscriptionId, t.period] }),
    uniqueIndex("subscription_renewals_order").on(t.orderId),
  ],
)
