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

import type { Order } from "./model.ts"
import { orderStatuses, paymentStatuses } from "./status.ts"

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
    paymentMethod: text({ enum: ["manual", "cod"] }).notNull(),
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
    /** Until when it must be paid, or is cancelled; NULL: for ever. */
    payBy: text(),
    shippingAddress: text({ mode: "json" }).$type<Order["shipping_address"]>(),
    billingAddress: text({ mode: "json" }).$type<Order["billing_address"]>(),
    notes: text().notNull(),
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
  },
  (t) => [
    uniqueIndex("orders_number").on(t.number),
    uniqueIndex("orders_cart").on(t.cartId),
    index("orders_user").on(t.userId, t.createdAt, t.id),
    index("orders_created").on(t.createdAt, t.id),
    index("orders_status").on(t.status, t.createdAt, t.id),
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
    kind: text({ enum: ["placed", "status", "details"] }).notNull(),
    from: text(),
    to: text(),
    note: text().notNull(),
    actor: text().notNull(),
    createdAt: text().notNull(),
    hash: text().notNull(),
  },
  (t) => [primaryKey({ columns: [t.orderId, t.version] })],
)
