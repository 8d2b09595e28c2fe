import { z } from "zod"

import { id, Instant, line, Money, pageOf, pageQuery } from "#lib/shapes.ts"
import { PaymentMethodName } from "#modules/payments/model.ts"
import { Address } from "#modules/users/address-model.ts"

import { changeKinds, orderStatuses, paymentStatuses } from "./status.ts"

const Text = (max: number) => z.string().trim().max(max, `At most ${max} characters.`).default("")

/** A line of an order, as it was when it was placed. */
export const OrderItem = z
  .object({
    id: id("orderLine", "orl_01kaeq4w8s0000000000000000"),
    product_id: id("product", "1"),
    variant_id: id("variant", "1"),
    name: z.string().meta({ example: "Premium Laptop" }),
    product_title: z.string(),
    sku: z.string().nullable(),
    options: z.record(z.string(), z.string()),
    quantity: z.int().meta({ example: 1 }),
    unit_price: Money,
    line_total: Money,
    tax: Money,
    discount: Money,
  })
  .meta({ id: "OrderItem" })

/** An order. Everything in it is a snapshot. */
export const Order = z
  .object({
    id: id("order", "ord_01kaeq4w8s0000000000000000"),
    order_number: z.string().meta({ example: "NX-20261120-7K3M9QXA" }),
    user: id("user", "usr_01kaeq4w8s0000000000000000").nullable(),
    email: z.string(),
    status: z.enum(orderStatuses),
    status_display: z.string().meta({ example: "Pending" }),
    payment_status: z.enum(paymentStatuses),
    fulfilment_status: z.enum(["unfulfilled", "fulfilled"]),
    payment_method: PaymentMethodName,
    currency: z.string().meta({ example: "USD" }),
    subtotal: Money,
    discount: Money,
    shipping_cost: Money,
    tax: Money,
    total: Money,
    total_amount: Money,
    items: z.array(OrderItem),
    shipping_address: Address.nullable(),
    billing_address: Address.nullable(),
    notes: z.string(),
    coupons: z.array(z.string()),
    carrier: z.string().nullable(),
    tracking_number: z.string().nullable(),
    created_at: Instant,
    updated_at: Instant,
    paid_at: Instant.nullable(),
    shipped_at: Instant.nullable(),
    delivered_at: Instant.nullable(),
    cancelled_at: Instant.nullable(),
  })
  .meta({ id: "Order" })
export type Order = z.infer<typeof Order>
/** A page of orders. */
export const OrderPage = pageOf(Order, "OrderPage")

/** Where staff want an order to go. */
export const StatusChange = z
  .object({
    status: z.enum(orderStatuses, { error: "Invalid status." }),
    note: Text(1000),
    tracking_number: line(120).optional(),
    carrier: line(120).optional(),
  })
  .meta({ id: "StatusChange", example: { status: "confirmed", note: "Stock checked" } })
export type StatusChange = z.infer<typeof StatusChange>

/** Why an order is cancelled. */
export const Cancellation = z.object({ reason: Text(1000).meta({ example: "Ordered by mistake" }) })
export type Cancellation = z.infer<typeof Cancellation>

/** A cancelled order. */
export const Cancelled = z.object({ message: z.string(), order: Order }).meta({ id: "Cancelled" })
export type Cancelled = z.infer<typeof Cancelled>

/** Where an order is. */
export const Tracking = z
  .object({
    order_id: id("order", "ord_01kaeq4w8s0000000000000000"),
    order_number: z.string(),
    status: z.enum(orderStatuses),
    carrier: z.string().nullable(),
    tracking_number: z.string().nullable(),
    tracking_url: z.string().nullable(),
    estimated_delivery: Instant.nullable(),
    timeline: z.array(
      z.object({
        status: z.enum(orderStatuses),
        title: z.string(),
        description: z.string(),
        completed: z.boolean(),
        date: Instant.nullable(),
      }),
    ),
  })
  .meta({ id: "Tracking" })
export type Tracking = z.infer<typeof Tracking>

/** A row of an order's history. `hash` covers the row and the hash before it. */
export const OrderChange = z
  .object({
    version: z.int().meta({ example: 1 }),
    kind: z.enum(changeKinds),
    from: z.string().nullable(),
    to: z.string().nullable(),
    note: z.string(),
    actor: z.string(),
    created_at: Instant,
    hash: z.string(),
  })
  .meta({ id: "OrderChange" })
export type OrderChange = z.infer<typeof OrderChange>
/** A page of an order's history. */
export const OrderChangePage = pageOf(OrderChange, "OrderChangePage")
/** Which page of it. */
export const OrderChangeQuery = z.object(pageQuery)
export type OrderChangeQuery = z.infer<typeof OrderChangeQuery>

/** Which states follow which. */
export const StateMachines = z
  .object({
    order: z.record(z.string(), z.array(z.string())),
    final: z.array(z.string()),
    return: z.record(z.string(), z.array(z.string())),
  })
  .meta({ id: "StateMachines" })
export type StateMachines = z.infer<typeof StateMachines>
