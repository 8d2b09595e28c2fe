import { z } from "zod"

import { id, Instant, Money, pageOf, pageQuery, Ref, spelled } from "#lib/shapes.ts"

/** A product on somebody's wishlist, as it is now. */
export const WishlistItem = z
  .object({
    product: z.object({
      id: id("product", "1"),
      name: z.string(),
      title: z.string(),
      slug: z.string(),
      price: Money,
      currency: z.string().meta({ example: "USD" }),
      image: z.string().nullable(),
    }),
    is_available: z.boolean().meta({ description: "On sale and in stock, seconds old" }),
    created_at: Instant,
  })
  .meta({ id: "WishlistItem" })
export type WishlistItem = z.infer<typeof WishlistItem>

/** A page of a wishlist. */
export const WishlistPage = pageOf(WishlistItem, "WishlistPage")

/** Where in it. */
export const WishlistQuery = z.object(pageQuery)
export type WishlistQuery = z.infer<typeof WishlistQuery>

/** What to put on it. */
export const NewWishlistItem = spelled(
  { product: "product_id" },
  z.object({ product_id: Ref.meta({ description: "A product: id or slug", example: "1" }) }),
).meta({ example: { product_id: "1" } })
export type NewWishlistItem = z.infer<typeof NewWishlistItem>
