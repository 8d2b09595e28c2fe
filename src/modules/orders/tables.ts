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

import type { Step, TaxLine } from "#lib/explain.ts"
import type { Id } from "#lib/id.ts"
import type { payments } from "#modules/payments/tables.ts"

import type { Order } from "./model.ts"
import { returnReasons, returnStatuses } from "./return-status.ts"
import { changeKinds, orderStatuses, parcelStatuses, paymentStatuses } from "./status.ts"

/** Orders. Amounts are minor units of `currency`; everything is a snapshot of the moment it was placed. */
export const orders = sqliteTable(
  "orders",
  {
    id: text().$type<Id<"order">>().primaryKey(),
    number: text().notNull(),
    /** The cart it was made of; of one cart there is at most one order. */
    cartId: text().$type<Id<"cart">>(),
    userId: text().$type<Id<"user">>(),
    email: text().notNull(),
    /** SHA-256 of what opens a guest's order. */
    tokenHash: text(),
    status: text({ enum: orderStatuses }).notNull(),
    paymentStatus: text({ enum: paymentStatuses }).notNull(),
    paymentMethod: text().$type<(typeof payments.$inferSelect)["provider"]>().notNull(),
    currency: text().notNull(),
    subtotalAmount: integer().notNull(),
    discountAmount: integer().notNull(),
    shippingAmount: integer().notNull(),
    taxAmount: integer().notNull(),
    totalAmount: integer().notNull(),
    /** Tax that the prices contain already; beside `taxAmount`, which was added to them. */
    includedTaxAmount: integer().notNull().default(0),
    /** The shipping's part of `taxAmount` or `includedTaxAmount`. */
    shippingTaxAmount: integer().notNull().default(0),
    shippingMethod: text({ mode: "json" }).$type<{ id: string; name: string }>(),
    /** The codes that took something off. */
    coupons: text({ mode: "json" }).$type<string[]>().notNull().default([]),
    /** How the amounts came about, step by step. */
    explain: text({ mode: "json" }).$type<Step[]>().notNull().default([]),
    /** What its payments have captured and given back: a projection of theirs. */
    paidAmount: integer().notNull().default(0),
    refundedAmount: integer().notNull().default(0),
    /** The parts of `refundedAmount` that were tax, and shipping before tax. */
    refundedTaxAmount: integer().notNull().default(0),
    refundedShippingAmount: integer().notNull().default(0),
    /** Until when it must be paid, or is cancelled; NULL: for ever. */
    payBy: text(),
    shippingAddress: text({ mode: "json" }).$type<Order["shipping_address"]>(),
    billingAddress: text({ mode: "json" }).$type<Order["billing_address"]>(),
    notes: text().notNull(),
    /** What of `refundedAmount` went back because the order came to less by an edit: it counts as never paid. */
    reducedAmount: integer().notNull().default(0),
    /** Of its newest shipment that has them. */
    carrier: text(),
    trackingNumber: text(),
    /** The version of its last history row. */
    version: integer().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
    paidAt: text(),
    shippedAt: text(),
    deliveredAt: text(),
    cancelledAt: text(),
    /** The shop's own currency, where it was priced in another; the total in it, and the rate (decimal) between them. */
    baseCurrency: text(),
    baseTotalAmount: integer(),
    exchangeRate: text(),
    exchangeRateAt: text(),
    exchangeRateSource: text().$type<NonNullable<Order["exchange_rate"]>["source"]>(),
  },
  (t) => [
    uniqueIndex("orders_number").on(t.number),
    uniqueIndex("orders_cart").on(t.cartId),
    index("orders_user").on(t.userId, t.createdAt, t.id),
    index("orders_email").on(t.email),
    index("orders_created").on(t.createdAt, t.id),
    index("orders_status").on(t.status, t.createdAt, t.id),
    index("orders_payment").on(t.paymentStatus, t.createdAt, t.id),
    index("orders_states").on(t.status, t.paymentStatus, t.createdAt, t.id),
    index("orders_user_total").on(t.userId, t.totalAmount, t.id),
    index("orders_total").on(t.totalAmount, t.id),
    index("orders_status_total").on(t.status, t.totalAmount, t.id),
    index("orders_payment_total").on(t.paymentStatus, t.totalAmount, t.id),
    index("orders_states_total").on(t.status, t.paymentStatus, t.totalAmount, t.id),
    index("orders_email_prefix").on(sql`lower(${t.email})`, t.createdAt),
    index("orders_recipient").on(sql`lower(${t.shippingAddress} ->> 'last_name')`),
    // Orders that have more money than is theirs: the same words as `isOverpaid`.
    index("orders_overpaid")
      .on(t.id)
      .where(
        sql`paid_amount - refunded_amount > CASE status WHEN 'cancelled' THEN 0 ELSE total_amount END`,
      ),
    index("orders_pay_by")
      .on(t.payBy)
      .where(sql`status = 'pending' AND pay_by IS NOT NULL`),
    check(
      "orders_total",
      sql`total_amount >= 0 AND total_amount = subtotal_amount - discount_amount + shipping_amount + tax_amount`,
    ),
  ],
)

/** The lines of orders: names, SKUs and prices as they were. */
export const orderLines = sqliteTable(
  "order_lines",
  {
    id: text().$type<Id<"orderLine">>().primaryKey(),
    orderId: text()
      .$type<Id<"order">>()
      .notNull()
      .references(() => orders.id),
    position: integer().notNull(),
    productId: text().$type<Id<"product">>().notNull(),
    variantId: text().$type<Id<"variant">>().notNull(),
    name: text().notNull(),
    sku: text(),
    options: text({ mode: "json" }).$type<Record<string, string>>().notNull(),
    quantity: integer().notNull(),
    unitAmount: integer().notNull(),
    lineAmount: integer().notNull(),
    discountAmount: integer().notNull(),
    taxAmount: integer().notNull(),
    includedTaxAmount: integer().notNull().default(0),
    taxes: text({ mode: "json" }).$type<TaxLine[]>().notNull().default([]),
    isDigital: integer({ mode: "boolean" }).notNull().default(false),
    /** Of `quantity`: what was sent, and what came back. */
    fulfilledQuantity: integer().notNull().default(0),
    returnedQuantity: integer().notNull().default(0),
  },
  (t) => [
    index("order_lines_order").on(t.orderId, t.position),
    index("order_lines_product").on(t.productId),
    index("order_lines_sku").on(t.sku, t.orderId),
    check("order_lines_quantity", sql`quantity > 0`),
    check("order_lines_amount", sql`line_amount = unit_amount * quantity`),
  ],
)

/**
 * Every change of an order: its history, and the lock that two writers break on (`order_id, version`). `hash` covers
 * the row and the hash before it, so that no row can be changed or taken out unseen.
 */
export const orderChanges = sqliteTable(
  "order_changes",
  {
    orderId: text()
      .$type<Id<"order">>()
      .notNull()
      .references(() => orders.id),
    version: integer().notNull(),
    kind: text({ enum: changeKinds }).notNull(),
    /** Of `status`, `payment`, `fulfilment` and `return` rows: how that state moved. */
    from: text(),
    to: text(),
    note: text().notNull(),
    actor: text().notNull(),
    createdAt: text().notNull(),
    hash: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.orderId, t.version] })],
)

/** Parcels: what of an order was sent together. `trackingUrl` where staff gave one; else the carrier's own is made. */
export const fulfilments = sqliteTable(
  "fulfilments",
  {
    id: text().$type<Id<"fulfilment">>().primaryKey(),
    orderId: text()
      .$type<Id<"order">>()
      .notNull()
      .references(() => orders.id),
    status: text({ enum: parcelStatuses }).notNull(),
    carrier: text(),
    trackingNumber: text(),
    trackingUrl: text(),
    estimatedDelivery: text(),
    actor: text().notNull(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
    deliveredAt: text(),
    cancelledAt: text(),
  },
  (t) => [index("fulfilments_order").on(t.orderId, t.createdAt, t.id)],
)

/** How many of each line a parcel holds. */
export const fulfilmentLines = sqliteTable(
  "fulfilment_lines",
  {
    fulfilmentId: text()
      .$type<Id<"fulfilment">>()
      .notNull()
      .references(() => fulfilments.id),
    /** A line that an edit removed may be in a cancelled parcel still. */
    lineId: text().$type<Id<"orderLine">>().notNull(),
    orderId: text().$type<Id<"order">>().notNull(),
    quantity: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.fulfilmentId, t.lineId] }),
    index("fulfilment_lines_order").on(t.orderId),
    check("fulfilment_lines_quantity", sql`quantity > 0`),
  ],
)

/** What staff noted on orders; a public one is the customer's to read, the others never. */
export const orderNotes = sqliteTable(
  "order_notes",
  {
    id: text().$type<Id<"orderNote">>().primaryKey(),
    orderId: text()
      .$type<Id<"order">>()
      .notNull()
      .references(() => orders.id),
    text: text().notNull(),
    isPublic: integer({ mode: "boolean" }).notNull(),
    actor: text().notNull(),
    createdAt: text().notNull(),
  },
  (t) => [index("order_notes_order").on(t.orderId, t.createdAt, t.id)],
)

/**
 * How many orders there are, and what they come to, by day of placing (UTC; `all`: ever), currency and states: in the
 * shop's own currency, orders in others by the rate they were placed with. Kept by triggers on `orders`
 * (migrations/*_currency_statistics.sql): whatever changes an order changes these in the same batch.
 */
export const orderStats = sqliteTable(
  "order_stats",
  {
    period: text().notNull(),
    currency: text().notNull(),
    status: text({ enum: orderStatuses }).notNull(),
    paymentStatus: text({ enum: paymentStatuses }).notNull(),
    orders: integer().notNull(),
    totalAmount: integer().notNull(),
    paidAmount: integer().notNull(),
    refundedAmount: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.period, t.currency, t.status, t.paymentStatus] })],
)

/**
 * What was sold of each product in orders that were not cancelled, less what came back: units, and what they cost after
 * discounts. Kept by triggers too.
 */
export const productSales = sqliteTable(
  "product_sales",
  {
    productId: text().$type<Id<"product">>().notNull(),
    currency: text().notNull(),
    quantity: integer().notNull(),
    amount: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.productId, t.currency] }),
    index("product_sales_best").on(t.currency, t.quantity, t.productId),
  ],
)

/**
 * Things on their way back. Each change of one is a row of its order's history, and so the lock of all the returns of an
 * order. Amounts are minor units of the order's currency, zero until it is received.
 */
export const returns = sqliteTable(
  "returns",
  {
    id: text().$type<Id<"return">>().primaryKey(),
    orderId: text()
      .$type<Id<"order">>()
      .notNull()
      .references(() => orders.id),
    number: text().notNull(),
    status: text({ enum: returnStatuses }).notNull(),
    reason: text({ enum: returnReasons }).notNull(),
    comment: text().notNull(),
    /** What the shop says to it. */
    note: text().notNull(),
    refundAmount: integer().notNull(),
    /** The shipping's part of `refundAmount`. */
    shippingAmount: integer().notNull(),
    /** The order that was sent instead. */
    exchangeOrderId: text().$type<Id<"order">>(),
    createdAt: text().notNull(),
    updatedAt: text().notNull(),
    approvedAt: text(),
    receivedAt: text(),
    closedAt: text(),
  },
  (t) => [
    uniqueIndex("returns_number").on(t.number),
    index("returns_order").on(t.orderId, t.createdAt, t.id),
    index("returns_created").on(t.createdAt, t.id),
    index("returns_status").on(t.status, t.createdAt, t.id),
    check("returns_amounts", sql`shipping_amount >= 0 AND refund_amount >= 0`),
  ],
)

/** What comes back: of `quantity` that was asked for, what was accepted when it arrived, and what its part of the price is. */
export const returnLines = sqliteTable(
  "return_lines",
  {
    returnId: text()
      .$type<Id<"return">>()
      .notNull()
      .references(() => returns.id),
    orderLineId: text()
      .$type<Id<"orderLine">>()
      .notNull()
      .references(() => orderLines.id),
    quantity: integer().notNull(),
    /** NULL until it is received. */
    acceptedQuantity: integer(),
    /** Whether what was accepted is sold again, or written off. */
    restock: integer({ mode: "boolean" }).notNull(),
    amount: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.returnId, t.orderLineId] }),
    index("return_lines_line").on(t.orderLineId),
    check(
      "return_lines_quantity",
      sql`quantity > 0 AND (accepted_quantity IS NULL OR accepted_quantity BETWEEN 0 AND quantity)`,
    ),
  ],
)
