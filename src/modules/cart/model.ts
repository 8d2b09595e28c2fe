import { z } from "zod"

import { id, Instant, line, Money, Quantity, Ref, spelled } from "#lib/shapes.ts"
import { CurrencyInput, totalInBase } from "#modules/currencies/model.ts"
import { Email } from "#modules/users/model.ts"

const thing = {
  product: z.object({
    id: id("product", "1"),
    name: z.string(),
    title: z.string(),
    slug: z.string(),
    price: Money,
    image: z.string().nullable(),
  }),
  variant: z
    .object({
      id: id("variant", "var_01kaeq4w8s0000000000000000"),
      sku: z.string().nullable(),
      options: z.record(z.string(), z.string()),
    })
    .nullable(),
  quantity: z.int().meta({ example: 2 }),
  unit_price: Money,
  is_available: z.boolean().meta({ description: "On sale, and as many as the line asks for" }),
  stock_available: z.int().meta({ description: "What can be bought, seconds old", example: 25 }),
  price_changed: z
    .boolean()
    .meta({ description: "The price is not what it was when the line was added" }),
}

/** A line of a cart: priced as it is now. */
export const CartLine = z
  .object({
    id: id("cartLine", "lin_01kaeq4w8s0000000000000000"),
    ...thing,
    subtotal: Money.meta({ description: "Before discounts and added tax" }),
  })
  .meta({ id: "CartLine" })

/** A thing that is not in the cart, but may come back to it. */
const SavedItem = z
  .object({ id: id("savedItem", "sav_01kaeq4w8s0000000000000000"), ...thing })
  .meta({ id: "SavedItem" })

const Coupon = z
  .object({
    code: z.string().meta({ example: "WELCOME10" }),
    name: z.string().nullable().meta({ description: "null while it takes nothing off" }),
    discount: Money.meta({ description: "What it takes off now, of lines and shipping together" }),
  })
  .meta({ id: "CartCoupon" })

const Warning = z.object({
  code: z.enum([
    "unavailable",
    "over-stock",
    "price-changed",
    "saved-for-later",
    "coupon-refused",
    "currency-unavailable",
  ]),
  item_id: z.string().nullable().meta({ description: "The line, or the saved item, it is about" }),
  coupon: z.string().optional().meta({ description: "The code it is about" }),
  detail: z.string(),
})

/** A cart. Prices are live until the order. */
export const Cart = z
  .object({
    id: id("cart", "crt_01kaeq4w8s0000000000000000")
      .nullable()
      .meta({ description: "null while nothing has been put in" }),
    user: id("user", "usr_01kaeq4w8s0000000000000000").nullable(),
    email: z.string().nullable().meta({ description: "Where a guest can be written to" }),
    token: z.string().optional().meta({
      description:
        "A guest's new token, also in `X-Cart-Token` and a cookie: send it along from now on",
    }),
    items: z.array(CartLine),
    saved_items: z.array(SavedItem).meta({ description: "Saved for later, the newest 200" }),
    total_items: z.int().meta({ description: "The quantities together", example: 2 }),
    subtotal: Money,
    discount: Money,
    tax: Money.meta({ description: "As far as it is known without an address" }),
    prices_include_tax: z.boolean().meta({ description: "`tax` is in the prices already" }),
    total: Money,
    total_amount: Money,
    currency: z.string().meta({ example: "USD" }),
    ...totalInBase,
    coupons: z.array(Coupon),
    explain: z
      .array(
        z.object({
          kind: z.enum(["currency", "line", "promotion", "shipping", "tax", "rounding", "total"]),
          detail: z.string(),
          amount: z.string().meta({ description: "A decimal, below zero for what is taken off" }),
        }),
      )
      .meta({ description: "How the total came about, step by step" }),
    warnings: z.array(Warning),
    created_at: Instant.nullable(),
    updated_at: Instant.nullable(),
  })
  .meta({ id: "Cart" })
export type Cart = z.infer<typeof Cart>

/** The cart after a change, and the line that was changed. */
export const CartWithItem = Cart.extend({
  item_id: id("cartLine", "lin_01kaeq4w8s0000000000000000").nullable(),
}).meta({ id: "CartWithItem" })
export type CartWithItem = z.infer<typeof CartWithItem>

/** A reference to one sellable thing, in the three ways a body can make it. */
export const itemRefs = {
  product_id: Ref.optional().meta({
    description: "A product without variants: id or slug",
    example: "1",
  }),
  variant_id: Ref.optional().meta({ description: "A variant: id or SKU" }),
  sku: Ref.optional(),
}

/** The one reference of a body; refuses none, and several. */
export function oneRef(
  item: {
    product_id?: string | undefined
    variant_id?: string | undefined
    sku?: string | undefined
  },
  refinement: z.RefinementCtx,
): void {
  const given = Object.keys(itemRefs).filter(
    (name) => item[name as keyof typeof itemRefs] !== undefined,
  )
  if (given.length === 0)
    refinement.addIssue({
      code: "custom",
      path: ["product_id"],
      message: "This field is required.",
    })
  if (given.length > 1)
    refinement.addIssue({
      code: "custom",
      path: given.slice(1, 2),
      message: `Give either ${given.join(" or ")}.`,
    })
}

/** What to put in. */
export const NewCartItem = spelled(
  { product: "product_id" },
  z.object({ ...itemRefs, quantity: Quantity.default(1) }).superRefine(oneRef),
).meta({
  example: { product_id: "2", quantity: 2 },
})
export type NewCartItem = z.infer<typeof NewCartItem>

/** A line's new quantity, or by how much it changes; a line that comes to nothing is taken out. */
export const CartItemChange = z
  .object({ quantity: Quantity.optional(), change: z.int().min(-999).max(999).optional() })
  .refine((given) => (given.quantity === undefined) !== (given.change === undefined), {
    path: ["quantity"],
    message: "This field is required.",
  })
  .meta({ example: { quantity: 3 } })
export type CartItemChange = z.infer<typeof CartItemChange>

/** What a cart says of its owner, and what it is priced in. */
export const CartChanges = z
  .object({
    email: Email.nullable().optional().meta({ description: "Where a guest can be written to" }),
    currency: CurrencyInput.nullable().optional().meta({
      type: "string",
      description: "What it is shown, ordered and paid in; null: the shop's own",
    }),
  })
  .refine(({ email, currency }) => email !== undefined || currency !== undefined, {
    path: ["email"],
    message: "Give email or currency.",
  })
  .meta({ example: { email: "ada@nexus.test" } })
export type CartChanges = z.infer<typeof CartChanges>

/** A code as it was typed: letter case does not count. */
export const NewCoupon = z
  .object({ code: line(64).meta({ example: "WELCOME10" }) })
  .meta({ example: { code: "WELCOME10" } })
export type NewCoupon = z.infer<typeof NewCoupon>

/** What a reminder's link carried. */
export const CartRecovery = z
  .object({ token: line(100) })
  .meta({ example: { token: "pYd4kq0vJm0cVq7n1oXf3mC2yqj7m8m5sB1r0a9w2eE" } })
export type CartRecovery = z.infer<typeof CartRecovery>

/** A cart in figures. */
export const CartSummary = z
  .object({
    id: Cart.shape.id,
    total_items: z.int(),
    total_amount: Money,
    available_items: z.int(),
    unavailable_items: z.int(),
    currency: z.string(),
  })
  .meta({ id: "CartSummary" })
export type CartSummary = z.infer<typeof CartSummary>
