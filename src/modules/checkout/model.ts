import { z } from "zod"

import { id, line, Money, PriceInput, Quantity, spelled } from "#lib/shapes.ts"
import { itemRefs, oneRef } from "#modules/cart/model.ts"
import { ShippingOffers } from "#modules/cart/shipping-model.ts"
import { creditFields, GiftCardCode, Tender } from "#modules/credit/model.ts"
import { currencyQuery, totalInBase } from "#modules/currencies/model.ts"
import { Order } from "#modules/orders/model.ts"
import { ChosenMethodName, PaymentMethodName, PaymentStart } from "#modules/payments/model.ts"
import { AddressOrId } from "#modules/users/address-model.ts"
import { Email } from "#modules/users/model.ts"

/** One thing to order. What it costs is the catalogue's to say. */
const OrderItemInput = spelled(
  { product: "product_id" },
  z.object({ ...itemRefs, quantity: Quantity }).superRefine(oneRef),
)

const spellings: Record<string, string> = {
  bank_transfer: "manual",
  cash_on_delivery: "cod",
  credit_card: "card",
  debit_card: "card",
}

/** How it is paid; `card` is the shop's card gateway. Other spellings are read as these (api.md 11). */
export const PaymentMethodInput = z
  .preprocess(
    (given) => (typeof given === "string" ? (spellings[given] ?? given) : given),
    z.enum([...ChosenMethodName.options, "card"], {
      error: "This payment method is not offered.",
    }),
  )
  .meta({
    type: "string",
    enum: ["manual", "cod", "card", "stripe", "paypal", "square"],
    description: "GET /payments/methods says which are offered",
    example: "manual",
  })

const items = z
  .array(OrderItemInput)
  .min(1, "An order has at least one item.")
  .max(100, "An order has at most 100 items.")
  .optional()
  .meta({ description: "Absent: what is in the cart" })

/** The total as the client saw it. */
const ExpectedTotal = z
  .union([z.string(), z.number()], { error: "A valid number is required." })
  .transform(String)
  .refine((text) => /^\d{1,12}(\.\d{1,3})?$/.test(text), "A valid number is required.")
  .optional()
  .meta({
    type: "string",
    description: "The total that was shown: with another one nothing is ordered",
  })

const ReturnUrl = z
  .url({ protocol: /^https?$/, error: "Enter a valid URL." })
  .max(2000, "At most 2000 characters.")
  .optional()
  .meta({
    description:
      "Where the payer's browser goes after the gateway, `?payment=…` behind it: at this origin or one of CORS_ORIGINS",
    example: "http://localhost:8787/thanks",
  })

const terms = z.object({
  shipping_address: AddressOrId.optional(),
  billing_address: AddressOrId.optional(),
  use_shipping_as_billing: z.boolean().optional(),
  shipping_method: line(64)
    .optional()
    .meta({ description: "The id of one of `shipping_options`; absent: the cheapest" }),
  coupon_codes: z
    .array(line(64))
    .max(10, "At most 10 codes.")
    .default([])
    .meta({ description: "Beside those on the cart" }),
  payment_method: PaymentMethodInput.default("manual"),
  ...creditFields,
  email: Email.optional().meta({ description: "Needed from guests" }),
  notes: z.string().trim().max(2000, "At most 2000 characters.").default(""),
  expected_total: ExpectedTotal,
  return_url: ReturnUrl,
})
export type CheckoutTerms = z.infer<typeof terms>

function oneBillingAddress(
  order: Pick<CheckoutTerms, "billing_address" | "use_shipping_as_billing">,
  refinement: z.RefinementCtx,
): void {
  if (!order.billing_address || !order.use_shipping_as_billing) return
  refinement.addIssue({
    code: "custom",
    path: ["billing_address"],
    message: "Give a billing address or use the shipping address, not both.",
  })
}

const address = {
  first_name: "Ada",
  last_name: "Lovelace",
  street: "12 St James's Square",
  city: "London",
  zip_code: "SW1Y 4JH",
  country: "GB",
}

/** What an order is priced and paid in; without it what the cart says, else the shop's own currency. */
export const CheckoutQuery = z.object({
  currency: currencyQuery.currency.meta({
    type: "string",
    description: "What it is priced and paid in; absent: what the cart says, else the shop's own",
    example: "USD",
  }),
})
export type CheckoutQuery = z.infer<typeof CheckoutQuery>

/** An order: of the cart, or of `items`. */
export const PlaceOrder = terms
  .extend({ items })
  .superRefine(oneBillingAddress)
  .meta({
    example: {
      items: [{ product_id: "2", quantity: 1 }],
      shipping_address: address,
      email: "ada@nexus.test",
      payment_method: "manual",
    },
  })
export type PlaceOrder = z.infer<typeof PlaceOrder> & CheckoutQuery

/** The same without items: the cart is what is ordered. */
export const CheckoutCart = terms.superRefine(oneBillingAddress).meta({
  example: { shipping_address: address, payment_method: "cod" },
})

/** What is to be looked at before it is ordered: the cart, or `items`; what is not known yet is left out. */
export const CheckoutDraft = terms
  .omit({ notes: true, return_url: true })
  .extend({ items })
  .meta({ example: { items: [{ product_id: "2", quantity: 1 }], shipping_address: address } })
export type CheckoutDraft = z.infer<typeof CheckoutDraft> & CheckoutQuery

/** A new order. `access_token` opens a guest's order: send it as `X-Order-Token`. */
export const Placed = Order.extend({
  tenders: z
    .array(Tender)
    .optional()
    .meta({ description: "What gift cards and store credit paid of it; absent: nothing" }),
  payment: PaymentStart.nullable().meta({
    description: "What is needed to pay the rest; null: there is nothing to pay",
  }),
  access_token: z.string().optional(),
}).meta({ id: "PlacedOrder" })
export type Placed = z.infer<typeof Placed>

const PricedItem = z.object({
  product_id: id("product", "1"),
  variant_id: id("variant", "1"),
  product_name: z.string().meta({ example: "Premium Laptop" }),
  sku: z.string().nullable(),
  quantity: z.int().meta({ example: 1 }),
  unit_price: Money,
  total_price: Money,
})

/** How the total would be paid. */
const paidBy = {
  tenders: z.array(Tender).meta({ description: "What gift cards and store credit would pay" }),
  amount_due: Money.meta({ description: "What would be left to pay by `payment_method`" }),
}

/** That everything can be ordered as it is. */
export const Validation = z
  .object({
    valid: z.literal(true),
    errors: z.array(z.string()).max(0),
    message: z.string(),
    valid_items: z.array(PricedItem),
    item_count: z.int().meta({ description: "The quantities together", example: 2 }),
    total_amount: Money,
    ...paidBy,
    currency: z.string().meta({ example: "USD" }),
  })
  .meta({ id: "CheckoutValidation" })
export type Validation = z.infer<typeof Validation>

const Tax = z.object({ name: z.string().meta({ example: "VAT" }), amount: Money })

/** What an order would cost, and how that comes about. */
export const CheckoutQuote = z
  .object({
    currency: z.string().meta({ example: "USD" }),
    items: z.array(
      PricedItem.extend({ discount: Money, tax: Money }).meta({
        description: "`total_price` is before discount and added tax",
      }),
    ),
    subtotal: Money,
    discount: Money,
    shipping_cost: Money,
    shipping_method: z.object({ id: z.string(), name: z.string() }).nullable(),
    shipping_options: ShippingOffers.shape.results.meta({
      description: "How it can be sent, cheapest first",
    }),
    tax: Money,
    prices_include_tax: z.boolean(),
    taxes: z.array(Tax),
    total: Money,
    total_amount: Money,
    ...paidBy,
    refused_gift_cards: z.array(
      z.object({ last4: z.string(), reason: z.string(), detail: z.string() }),
    ),
    ...totalInBase,
    promotions: z.array(
      z.object({ code: z.string().nullable(), name: z.string(), discount: Money }),
    ),
    refused_codes: z.array(z.object({ code: z.string(), reason: z.string(), detail: z.string() })),
    explain: z.array(z.object({ kind: z.string(), detail: z.string(), amount: z.string() })),
  })
  .meta({ id: "CheckoutQuote" })
export type CheckoutQuote = z.infer<typeof CheckoutQuote>

/** How an order, or a part of it, is to be paid, once more. */
export const NewPayment = spelled(
  { order_id: "order", payment_method: "provider", code: "gift_card" },
  z
    .object({
      order: line(64).meta({ description: "Id or order number", example: "NX-20261120-7K3M9QXA" }),
      provider: z
        .preprocess(
          (given) => (typeof given === "string" ? (spellings[given] ?? given) : given),
          z.enum([...PaymentMethodName.options, "card"], {
            error: "This payment method is not offered.",
          }),
        )
        .optional()
        .meta({
          type: "string",
          enum: [
            "manual",
            "cod",
            "card",
            "stripe",
            "paypal",
            "square",
            "gift_card",
            "store_credit",
          ],
          description: "Absent: as the order says, or `gift_card` where one is given",
        }),
      amount: PriceInput.optional().meta({
        description: "A part of what is due; absent: all of it, or as much as the credit has",
      }),
      gift_card: GiftCardCode.optional().meta({
        type: "string",
        description: "The code that pays",
      }),
      return_url: ReturnUrl,
    })
    .superRefine(oneSource),
).meta({ example: { order: "NX-20261120-7K3M9QXA" } })
export type NewPayment = z.infer<typeof NewPayment>

function oneSource(
  { provider, gift_card: code }: { provider?: string | undefined; gift_card?: string | undefined },
  refinement: z.RefinementCtx,
): void {
  if (provider === "gift_card" && code === undefined)
    refinement.addIssue({
      code: "custom",
      path: ["gift_card"],
      message: "This field is required.",
    })
  if (code !== undefined && provider !== undefined && provider !== "gift_card")
    refinement.addIssue({
      code: "custom",
      path: ["provider"],
      message: "A gift card pays by gift_card.",
    })
}
