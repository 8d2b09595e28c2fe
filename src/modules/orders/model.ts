import { z } from "zod"

import { id, Instant, line, Money, pageOf, pageQuery, Version } from "#lib/shapes.ts"
import { totalInBase } from "#modules/currencies/model.ts"
import { PaymentMethodName } from "#modules/payments/model.ts"
import { Address } from "#modules/users/address-model.ts"

import { fulfilmentStatuses } from "./fulfilment.ts"
import { changeKinds, orderStatuses, parcelStatuses, paymentStatuses } from "./status.ts"

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
    is_digital: z.boolean(),
    quantity: z.int().meta({ example: 1 }),
    fulfilled_quantity: z.int().meta({ description: "How many of them were sent", example: 0 }),
    returned_quantity: z.int().meta({ description: "How many came back", example: 0 }),
    unit_price: Money,
    line_total: Money,
    tax: Money,
    discount: Money,
  })
  .meta({ id: "OrderItem" })

/** What its changes answer of an order. Everything in it is a snapshot. */
export const Order = z
  .object({
    id: id("order", "ord_01kaeq4w8s0000000000000000"),
    order_number: z.string().meta({ example: "NX-20261120-7K3M9QXA" }),
    user: id("user", "usr_01kaeq4w8s0000000000000000").nullable(),
    email: z.string(),
    status: z.enum(orderStatuses),
    status_display: z.string().meta({ example: "Pending" }),
    payment_status: z.enum(paymentStatuses),
    fulfilment_status: z
      .enum(fulfilmentStatuses)
      .meta({ description: "As the items' quantities say" }),
    payment_method: PaymentMethodName,
    currency: z.string().meta({ example: "USD" }),
    subtotal: Money,
    discount: Money,
    shipping_cost: Money,
    tax: Money,
    prices_include_tax: z.boolean().meta({ description: "`tax` is in the prices already" }),
    total: Money,
    total_amount: Money,
    ...totalInBase,
    paid_amount: Money,
    refunded_amount: Money,
    amount_due: Money.meta({ description: "What is still to be paid" }),
    items: z.array(OrderItem),
    shipping_address: Address.nullable(),
    billing_address: Address.nullable(),
    shipping_method: z.object({ id: z.string(), name: z.string() }).nullable(),
    notes: z.string().meta({ description: "The customer's own" }),
    coupons: z.array(z.string()),
    carrier: z.string().nullable(),
    tracking_number: z.string().nullable(),
    created_at: Instant,
    updated_at: Instant,
    version: Version,
    paid_at: Instant.nullable(),
    shipped_at: Instant.nullable(),
    delivered_at: Instant.nullable(),
    cancelled_at: Instant.nullable(),
  })
  .meta({ id: "Order" })
export type Order = z.infer<typeof Order>

/** A payment, as its order shows it. */
export const OrderPayment = z
  .object({
    id: id("payment", "pay_01kaeq4w8s0000000000000000"),
    provider: PaymentMethodName,
    status: z.enum(paymentStatuses),
    amount: Money,
    captured: Money,
    refunded: Money,
    last4: z.string().optional().meta({ description: "The end of its gift card's code" }),
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "OrderPayment" })
export type OrderPayment = z.infer<typeof OrderPayment>

/** An order, as lists show it. */
export const ListedOrder = Order.extend({ payments: z.array(OrderPayment) }).meta({
  id: "ListedOrder",
})
export type ListedOrder = z.infer<typeof ListedOrder>

/** A parcel: what of an order was sent together. */
export const Fulfilment = z
  .object({
    id: id("fulfilment", "ful_01kaeq4w8s0000000000000000"),
    status: z.enum(parcelStatuses),
    carrier: z.string().nullable().meta({ example: "UPS" }),
    tracking_number: z.string().nullable().meta({ example: "1Z999AA10123456784" }),
    tracking_url: z.string().nullable().meta({
      description: "The carrier's page about it, as staff gave it or as it is known",
    }),
    estimated_delivery: Instant.nullable(),
    items: z.array(
      z.object({
        item_id: id("orderLine", "orl_01kaeq4w8s0000000000000000"),
        quantity: z.int().meta({ example: 1 }),
      }),
    ),
    created_at: Instant,
    updated_at: Instant,
    delivered_at: Instant.nullable(),
    cancelled_at: Instant.nullable(),
  })
  .meta({ id: "Fulfilment" })
export type Fulfilment = z.infer<typeof Fulfilment>

/** An order with all that belongs to it. */
export const OrderDetail = ListedOrder.extend({
  fulfilments: z.array(Fulfilment),
  public_notes: z
    .array(
      z.object({
        id: id("orderNote", "not_01kaeq4w8s0000000000000000"),
        text: z.string(),
        created_at: Instant,
      }),
    )
    .meta({ description: "What the shop has to say about it" }),
  explain: z
    .array(
      z.object({
        kind: z.enum(["currency", "line", "promotion", "shipping", "tax", "rounding", "total"]),
        detail: z.string(),
        amount: z.string().meta({ description: "A decimal, signed", example: "-5.00" }),
      }),
    )
    .meta({ description: "How its amounts came about, step by step" }),
}).meta({ id: "OrderDetail" })
export type OrderDetail = z.infer<typeof OrderDetail>

/** A page of orders. */
export const OrderPage = pageOf(ListedOrder, "OrderPage")

/** What opens an order without signing in: its number in the path, and this. */
export const OrderLookup = z.object({
  email: z.string().max(320).optional().meta({
    description: "The order's e-mail address: with the order number it opens the order, read-only",
    example: "ada@example.com",
  }),
})

/** Where staff want an order to go. */
export const StatusChange = z
  .object({
    status: z.enum(orderStatuses, { error: "Invalid status." }),
    note: Text(1000).meta({ description: "For the order's history, which its customer can read" }),
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
    fulfilment_status: z.enum(fulfilmentStatuses),
    fulfilments: z.array(Fulfilment).meta({ description: "Its parcels, without cancelled ones" }),
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
export const OrderChangeQuery = z.object({ ...OrderLookup.shape, ...pageQuery })
export type OrderChangeQuery = z.infer<typeof OrderChangeQuery>
