import { z } from "zod"

import { id, line, Ref } from "#lib/shapes.ts"

/** What a file is to its product. */
export const mediaKinds = ["image", "video", "spin"] as const

const url = (example: string) => z.string().meta({ example })

/** A picture, a video, or a frame of a 360° spin. */
export const Image = z
  .object({
    id: id("media", "med_01kaeq4w8s0000000000000000"),
    url: url("/media/1/med_01kaeq4w8s.webp"),
    alt_text: z.string().meta({ example: "A laptop, open" }),
    is_primary: z
      .boolean()
      .meta({ description: "Of a product with pictures exactly one is", example: true }),
    kind: z.enum(mediaKinds).meta({
      description: "All of kind `spin` are the frames of one turn, in the order of `position`",
      example: "image",
    }),
    content_type: z.string().meta({ example: "image/webp" }),
    width: z.int().nullable().meta({ description: "Pixels; null of a video", example: 1200 }),
    height: z.int().nullable().meta({ example: 800 }),
    position: z.int().meta({ description: "Ascending", example: 1 }),
    variant_id: id("variant", "var_01kaeq4w8s0000000000000000")
      .nullable()
      .meta({ description: "The form of the product that it shows; null for all of them" }),
    sizes: z
      .object({
        thumbnail: url("/media/1/med_01kaeq4w8s.webp"),
        medium: url("/media/1/med_01kaeq4w8s.webp"),
        large: url("/media/1/med_01kaeq4w8s.webp"),
      })
      .meta({
        description:
          "At most 160, 640 and 1280 pixels wide, in the best format the browser takes; the original where this shop makes no smaller pictures",
      }),
    srcset: z
      .string()
      .nullable()
      .meta({ description: "For `<img srcset>`; null where there is one size only" }),
  })
  .meta({ id: "Image" })
export type Image = z.infer<typeof Image>

const AltText = z.string().trim().max(300, "At most 300 characters.")

/** What is said beside an upload: form fields, or query parameters of a raw body. */
export const MediaFields = z.object({
  alt_text: AltText.default("").meta({ example: "A laptop, open" }),
  is_primary: z
    .enum(["true", "false", "1", "0"], { error: "Must be true or false." })
    .default("false")
    .transform((text) => text === "true" || text === "1")
    .meta({ type: "boolean", example: "false" }),
  kind: z.enum(mediaKinds).optional().meta({
    description: "`spin` for the frames of a 360° view; else the content decides",
    example: "image",
  }),
  variant_id: line(200).optional().meta({ description: "Id or SKU of the variant it shows" }),
})
export type MediaFields = z.infer<typeof MediaFields>

/** What changes of a picture; what is left out stays. */
export const MediaChanges = z
  .object({
    alt_text: AltText.optional(),
    is_primary: z
      .literal(true, { error: "Make another one primary instead." })
      .optional()
      .meta({ description: "Only true: another picture stops being it" }),
    variant_id: Ref.nullable()
      .optional()
      .meta({ description: "Id or SKU; null for the product as a whole" }),
  })
  .meta({ id: "MediaChanges", example: { alt_text: "A laptop, closed" } })
export type MediaChanges = z.infer<typeof MediaChanges>

/** The pictures of a product in their new order: the ids of all of them. */
export const MediaOrder = z
  .object({ ids: z.array(z.string().max(100)).min(1).max(250) })
  .meta({ id: "MediaOrder", example: { ids: ["med_01kaeq4w8s0000000000000000"] } })
export type MediaOrder = z.infer<typeof MediaOrder>
