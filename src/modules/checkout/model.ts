import { z } from "zod"

import { Quantity, spelled } from "#lib/shapes.ts"
import { itemRefs, oneRef } from "#modules/cart/model.ts"
import { Order } from "#modules/orders/model.ts"
import { AddressOrId } from "#modules/users/address-model.ts"
import { Email } from "#modules/users/model.ts"

/** One thing to order. What it costs is the catalogue's to say. */
const OrderItemInput = spelled(
  { product: "product_id" },
  z.object({ ...itemRefs, quantity: Quantity }).superRefine(oneRef),
)

const methods: Record<string, string> = { bank_transfer: "manual", cash_on_delivery: "cod" }

/** How it is paid: by invoice or transfer, or at the door. Other spellings are read as these (api.md 11). */
const PaymentMethod = z
  .preprocess(
    (given) => (typeof given === "string" ? (methods[given] ?? given) : given),
    z.enum(["manual", "cod"], { error: "This payment method is not offered." }),
  )
  .meta({ type: "string", enum: ["manual", "cod"], example: "manual" })

const items = z
  .array(OrderItemInput)
  .min(1, "An order has at least one item.")
  .max(100, "An order has at most 100 items.")

const terms = z.object({
  shipping_address: AddressOrId.optional(),
  billing_address: AddressOrId.optional(),
  use_shipping_as_billing: z.boolean().optional(),
  payment_method: PaymentMethod.default("manual"),
  email: Email.optional().meta({ description: "Needed from guests" }),
  notes: z.string().trim().max(2000, "At most 2000 characters.").default(""),
})

function oneBillingAddress(order: z.infer<typeof terms>, refinement: z.RefinementCtx): void {
  if (!order.billing_address || !order.use_shipping_as_billing) return
  refinement.addIssue({
    code: "custom",
    path: ["billing_address"],
    message: "Give a billing address or use the shipping address, not both.",
  })
}

/** An order: of the cart, or of `items`. */
export const PlaceOrder = terms
  .extend({ items: items.optional().meta({ description: "Absent: what is in the cart" }) })
  .superRefine(oneBillingAddress)
  .meta({
    example: {
      items: [{ product_id: "2", quantity: 1 }],
      shipping_address: {
        first_name: "Ada",
        last_name: "Lovelace",
        street: "12 St James's Square",
        city: "London",
        zip_code: "SW1Y 4JH",
        country: "GB",
      },
      email: "ada@nexus.test",
      payment_method: "manual",
    },
  })
export type PlaceOrder = z.infer<typeof PlaceOrder>

/** The same without items: the cart is what is ordered. */
export const CheckoutCart = terms.superRefine(oneBillingAddress).meta({
  example: {
    shipping_address: {
      street: "12 St James's Square",
      city: "London",
      zip_code: "SW1Y 4JH",
      country: "GB",
    },
    payment_method: "cod",
  },
})

/** A new order. `access_token` opens a guest's order: send it as `X-Order-Token`. */
export const Placed = Order.extend({ access_token: z.string().optional() }).meta({
  id: "PlacedOrder",
})
export type Placed = z.infer<typeof Placed>
