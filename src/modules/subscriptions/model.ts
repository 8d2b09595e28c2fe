import { z } from "zod"

import {
  id,
  Instant,
  InstantInput,
  line,
  Money,
  pageOf,
  pageQuery,
  Quantity,
  Ref,
  spelled,
} from "#lib/shapes.ts"
import { itemRefs, oneRef } from "#modules/cart/model.ts"
import { PaymentMethodInput } from "#modules/checkout/model.ts"
import { PaymentMethodName, PaymentStart } from "#modules/payments/model.ts"
import { Address, AddressOrId } from "#modules/users/address-model.ts"

import { intervals } from "./cycle.ts"
import { changeKinds, renewalStatuses, subscriptionStatuses } from "./status.ts"

const ItemInput = spelled(
  { product: "product_id" },
  z.object({ ...itemRefs, quantity: Quantity.default(1) }).superRefine(oneRef),
)

const items = z
  .array(ItemInput)
  .min(1, "A subscription has at least one item.")
  .max(20, "A subscription has at most 20 items.")

const Reason = z.string().trim().max(1000, "At most 1000 characters.")

const terms = {
  shipping_address: AddressOrId,
  billing_address: AddressOrId,
  shipping_method: line(64).meta({
    description: "The id of a shipping method; absent: the cheapest of each time",
  }),
  payment_method: PaymentMethodInput.meta({
    description: "`manual`: each order is an invoice; or a gateway that keeps payment methods",
  }),
  saved_method: line(200).meta({
    description: "One of GET /users/me/payment-methods; absent: the only one, or the first",
    example: "pm_1QxK2v",
  }),
}

const address = {
  first_name: "Ada",
  last_name: "Lovelace",
  street: "12 St James's Square",
  city: "London",
  zip_code: "SW1Y 4JH",
  country: "GB",
}

/** A subscription to start. */
export const NewSubscription = z
  .object({
    plan: Ref.meta({ example: "pln_01kaeq4w8s0000000000000000" }),
    items,
    shipping_address: terms.shipping_address.optional(),
    billing_address: terms.billing_address.optional().meta({
      description: "Absent: the shipping address",
    }),
    shipping_method: terms.shipping_method.optional(),
    payment_method: terms.payment_method.default("manual"),
    saved_method: terms.saved_method.optional(),
    trial: z
      .boolean({ error: "Must be true or false." })
      .optional()
      .meta({ description: "`false`: without the plan's trial, of which a customer has one" }),
  })
  .meta({
    id: "NewSubscription",
    example: {
      plan: "pln_01kaeq4w8s0000000000000000",
      items: [{ product_id: "2", quantity: 1 }],
      shipping_address: address,
      payment_method: "manual",
    },
  })
export type NewSubscription = z.infer<typeof NewSubscription>

/** What changes of a subscription; what is left out stays. */
export const SubscriptionChanges = z
  .object({
    plan: Ref.meta({ example: "pln_01kaeq4w8s0000000000000000" }),
    items: items.meta({ description: "All of them: what is not named is no longer in it" }),
    ...terms,
  })
  .partial()
  .meta({
    id: "SubscriptionChanges",
    example: { items: [{ product_id: "2", quantity: 2 }] },
  })
export type SubscriptionChanges = z.infer<typeof SubscriptionChanges>

/** For how long a subscription is paused. */
export const Pause = z
  .object({
    resume_at: InstantInput.optional().meta({ description: "Absent: until it is resumed" }),
  })
  .meta({ id: "SubscriptionPause", example: {} })
export type Pause = z.infer<typeof Pause>

/** When a subscription is cancelled, and why. */
export const Cancel = z
  .object({
    at: z.enum(["period_end", "now"], { error: "period_end or now." }).default("period_end"),
    reason: Reason.default(""),
  })
  .meta({ id: "SubscriptionCancellation", example: { at: "period_end", reason: "Too much of it" } })
export type Cancel = z.infer<typeof Cancel>

/** What a subscription brings each period. */
const SubscriptionItem = z
  .object({
    product_id: id("product", "2"),
    variant_id: id("variant", "2"),
    name: z.string().meta({ example: "Wireless Headphones" }),
    sku: z.string().nullable(),
    quantity: z.int().meta({ example: 1 }),
    unit_price: Money,
    upcoming_price: Money.nullable().meta({
      description: "What it costs in periods that begin at `prices_change_at` or later",
    }),
  })
  .meta({ id: "SubscriptionItem" })

/** A subscription, as lists show it. */
export const Subscription = z
  .object({
    id: id("subscription", "sub_01kaeq4w8s0000000000000000"),
    user: id("user", "usr_01kaeq4w8s0000000000000000"),
    status: z.enum(subscriptionStatuses),
    status_display: z.string().meta({ example: "Active" }),
    plan: z.object({ id: id("plan", "pln_01kaeq4w8s0000000000000000"), name: z.string() }),
    interval: z.enum(intervals),
    interval_count: z.int().meta({ example: 1 }),
    items: z.array(SubscriptionItem),
    currency: z.string().meta({ example: "USD" }),
    amount: Money.meta({
      description: "What the items cost each period, before shipping and taxes",
    }),
    balance: z.string().meta({
      description:
        "What changes have left to be paid with the next order; below zero: taken off it",
      example: "-2.50",
    }),
    prices_change_at: Instant.nullable(),
    payment_method: PaymentMethodName,
    saved_method: z.string().nullable(),
    shipping_address: Address.nullable(),
    billing_address: Address.nullable(),
    shipping_method: z.string().nullable(),
    current_period: z.object({
      number: z.int().meta({ description: "0 is the trial", example: 1 }),
      starts_at: Instant,
      ends_at: Instant,
    }),
    next_renewal_at: Instant.nullable(),
    cycles: z.int().meta({ description: "How many periods have been ordered", example: 1 }),
    max_cycles: z.int().nullable(),
    trial_ends_at: Instant.nullable(),
    cancel_at_period_end: z.boolean(),
    cancellation_reason: z.string(),
    failure: z
      .object({
        reason: z.string().meta({
          description: "Why it could not be renewed or charged: a code, or the gateway's word",
          example: "out-of-stock",
        }),
        attempts: z.int(),
        next_attempt_at: Instant.nullable(),
        order: z.string().nullable().meta({ description: "The order that can be paid meanwhile" }),
      })
      .nullable(),
    resume_at: Instant.nullable(),
    paused_at: Instant.nullable(),
    cancelled_at: Instant.nullable(),
    ended_at: Instant.nullable(),
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "Subscription" })
export type Subscription = z.infer<typeof Subscription>

/** A subscription with its orders, the newest first, and its history, the newest first: of each the last hundred. */
export const SubscriptionDetail = Subscription.extend({
  orders: z.array(
    z.object({
      period: z.int().meta({ example: 1 }),
      order: id("order", "ord_01kaeq4w8s0000000000000000"),
      status: z.enum(renewalStatuses),
      starts_at: Instant,
      ends_at: Instant,
    }),
  ),
  history: z.array(
    z.object({
      version: z.int(),
      kind: z.enum(changeKinds),
      from: z.string().nullable(),
      to: z.string(),
      note: z.string(),
      actor: z.string(),
      created_at: Instant,
    }),
  ),
}).meta({ id: "SubscriptionDetail" })
export type SubscriptionDetail = z.infer<typeof SubscriptionDetail>

/** A subscription that was started, with its first order, if it does not begin with a trial. */
export const Started = Subscription.extend({
  order: z
    .object({
      id: id("order", "ord_01kaeq4w8s0000000000000000"),
      order_number: z.string().meta({ example: "NX-20261120-7K3M9QXA" }),
      total: Money,
      payment: PaymentStart.nullable(),
    })
    .nullable(),
}).meta({ id: "SubscriptionStarted" })
export type Started = z.infer<typeof Started>

/** A changed subscription, and what the rest of its period costs more. */
export const Changed = Subscription.extend({
  proration: z.string().meta({
    description: "What the change costs for the rest of the period; below zero: what it gives back",
    example: "-2.50",
  }),
}).meta({ id: "SubscriptionChanged" })
export type Changed = z.infer<typeof Changed>

/** A page of subscriptions. */
export const SubscriptionPage = pageOf(Subscription, "SubscriptionPage")

/** Which of the caller's subscriptions. */
export const SubscriptionQuery = z.object({
  status: z.enum(subscriptionStatuses).optional(),
  ...pageQuery,
})
export type SubscriptionQuery = z.infer<typeof SubscriptionQuery>

/** Which of all subscriptions. */
export const AllSubscriptionsQuery = SubscriptionQuery.extend({
  plan: Ref.optional().meta({ example: "pln_01kaeq4w8s0000000000000000" }),
  user: Ref.optional().meta({ example: "usr_01kaeq4w8s0000000000000000" }),
})
export type AllSubscriptionsQuery = z.infer<typeof AllSubscriptionsQuery>
