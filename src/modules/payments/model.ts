import { z } from "zod"

import {
  id,
  Instant,
  isObject,
  Money,
  pageOf,
  pageQuery,
  PriceInput,
  Quantity,
  Ref,
  spelled,
} from "#lib/shapes.ts"

import { chosenMethods, paymentMethods } from "./method.ts"
import { paymentStatuses } from "./status.ts"

/** How it is paid. `fake` is there in development only. */
export const PaymentMethodName = z.enum(paymentMethods).meta({ example: "manual" })
/** What can be chosen to pay by. */
export const ChosenMethodName = z.enum(chosenMethods).meta({ example: "manual" })

/** What a client needs to pay. */
const action = {
  client_secret: z.string().optional().meta({
    description: "For the gateway's own script in the browser",
  }),
  redirect_url: z.string().optional().meta({ description: "Where the payer goes" }),
}

/** A payment as its payer meets it first. Neither secret nor address: ask again with POST /payments. */
export const PaymentStart = z
  .object({
    id: id("payment", "pay_01kaeq4w8s0000000000000000"),
    provider: PaymentMethodName,
    status: z.enum(paymentStatuses),
    amount: Money,
    currency: z.string().meta({ example: "USD" }),
    failure: z.string().nullable().meta({ description: "Why it failed, in the gateway's word" }),
    last4: z.string().optional().meta({ description: "The end of the code of its gift card" }),
    ...action,
  })
  .meta({ id: "PaymentStart" })
export type PaymentStart = z.infer<typeof PaymentStart>

/** What became of a payment: all that whoever comes back from a gateway is told. */
export const PaymentState = PaymentStart.pick({ id: true, status: true }).meta({
  id: "PaymentState",
})

/** Money on its way back. */
export const Refund = z
  .object({
    id: id("refund", "rfd_01kaeq4w8s0000000000000000"),
    payment: id("payment", "pay_01kaeq4w8s0000000000000000"),
    order: z.string(),
    status: z.enum(["pending", "succeeded", "failed"]),
    amount: Money,
    currency: z.string().meta({ example: "USD" }),
    reason: z.string(),
    to: z.enum(["source", "store_credit"]).meta({
      description: "Back the way it was paid, or to the account as store credit",
    }),
    failure: z.string().nullable(),
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "Refund" })
export type Refund = z.infer<typeof Refund>

/** A payment: one try to pay for an order. */
export const Payment = PaymentStart.extend({
  order: z.string().meta({ example: "ord_01kaeq4w8s0000000000000000" }),
  captured: Money,
  refunded: Money,
  transaction_id: z.string().nullable().meta({ description: "The gateway's own id of it" }),
  created_at: Instant,
  updated_at: Instant,
}).meta({ id: "Payment" })
export type Payment = z.infer<typeof Payment>

/** Money that a payer's bank takes back: held while it is open, refunded when it is lost. */
export const Dispute = z
  .object({
    id: z.string().meta({ description: "The gateway's own id of it" }),
    status: z.enum(["open", "won", "lost"]),
    amount: Money,
    currency: z.string().meta({ example: "USD" }),
    reason: z.string().nullable().meta({ description: "In the gateway's word" }),
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "Dispute" })
export type Dispute = z.infer<typeof Dispute>

/** A payment with its refunds and disputes, oldest first. */
export const PaymentDetail = Payment.extend({
  refunds: z.array(Refund),
  disputes: z.array(Dispute),
}).meta({
  id: "PaymentDetail",
})
export type PaymentDetail = z.infer<typeof PaymentDetail>

/** A page of payments. */
export const PaymentPage = pageOf(Payment, "PaymentPage")

/** How a list of payments is filtered. */
export const PaymentQuery = z.object({
  order: Ref.optional().meta({
    description: "Id or order number",
    example: "NX-20261120-7K3M9QXA",
  }),
  status: z.enum(paymentStatuses).optional(),
  provider: z.enum(paymentMethods).optional(),
  ...pageQuery,
})
export type PaymentQuery = z.infer<typeof PaymentQuery>

/** How an order can be paid now. */
export const PaymentMethods = z
  .object({
    results: z.array(z.object({ id: ChosenMethodName, name: z.string(), is_gateway: z.boolean() })),
    card: ChosenMethodName.nullable().meta({
      description: "The method that `card` means; null: cards are not taken",
    }),
  })
  .meta({ id: "PaymentMethods" })
export type PaymentMethods = z.infer<typeof PaymentMethods>

/** How much of an authorized payment is taken: all of it, unless said otherwise. */
export const CaptureInput = z
  .object({ amount: PriceInput.optional() })
  .meta({ example: {}, description: "Absent: all of it" })
export type CaptureInput = z.infer<typeof CaptureInput>

/** Why staff say that a payment was made, and how much of it. */
export const MarkPaidInput = z
  .object({
    amount: PriceInput.optional().meta({
      description: "A part of it: what is left is a payment of its own, `rest`",
    }),
    note: z.string().trim().max(1000, "At most 1000 characters.").default(""),
  })
  .meta({ example: { note: "Bank transfer of 20 November" } })
export type MarkPaidInput = z.infer<typeof MarkPaidInput>

/** A payment that was marked as paid. */
export const MarkedPaid = Payment.extend({
  rest: id("payment", "pay_01kaeq4w8s0000000000000000").nullable().meta({
    description: "The payment of what is left; null: nothing is",
  }),
}).meta({ id: "MarkedPaid" })
export type MarkedPaid = z.infer<typeof MarkedPaid>

const RefundLine = spelled(
  { line: "line_id" },
  z.object({
    line_id: Ref.meta({ example: "orl_01kaeq4w8s0000000000000000" }),
    quantity: Quantity,
  }),
)

/** What is given back: of one payment, or of an order's payments, the newest first; for things, or just money. */
export const NewRefund = z
  .object({
    payment: Ref.optional().meta({ example: "pay_01kaeq4w8s0000000000000000" }),
    order: Ref.optional().meta({ description: "Id or order number" }),
    amount: PriceInput.optional().meta({
      description: "Absent: what was paid for `lines`, or all that is left",
    }),
    lines: z.array(RefundLine).min(1, "At least one line.").max(100).optional().meta({
      description: "What of the order it is for: it counts as come back",
    }),
    restock: z.boolean().default(false).meta({
      description:
        "Whether the things are sold again; without `lines`, all that were sent come back. False: those of `lines` are written off",
    }),
    reason: z.string().trim().min(1, "This field may not be blank.").max(1000),
    to: z.enum(["source", "store_credit"]).default("source").meta({
      description: "Back the way it was paid, or to the account as store credit",
    }),
  })
  .refine(({ payment, order }) => (payment === undefined) !== (order === undefined), {
    path: ["payment"],
    message: "Give either payment or order.",
    when: isObject,
  })
  .meta({ example: { payment: "pay_01kaeq4w8s0000000000000000", reason: "Arrived broken" } })
export type NewRefund = z.infer<typeof NewRefund>

/** What was given back, over one payment or several. */
export const RefundsMade = z
  .object({
    refunds: z.array(Refund),
    return: z.string().nullable().meta({
      description: "The return that says which things came back; null: it was money alone",
      example: null,
    }),
  })
  .meta({ id: "RefundsMade" })
export type RefundsMade = z.infer<typeof RefundsMade>

/** What a gateway sends; what it holds is the gateway's. */
export const WebhookBody = z
  .looseObject({})
  .meta({ id: "PaymentWebhook", example: { id: "evt_1", type: "payment.updated" } })

/** That a webhook arrived. */
export const WebhookReceipt = z.object({ received: z.literal(true) }).meta({ id: "WebhookReceipt" })
