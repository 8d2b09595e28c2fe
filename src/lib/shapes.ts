import { z } from "zod"

import type { Id, IdKind } from "#lib/id.ts"

/** What zod says of a field that is not there, by the shape that it should have. */
const kindsOfMissing = new Set(["invalid_type", "invalid_union", "invalid_value"])

z.config({
  customError: (issue) => {
    if (issue.input === undefined && kindsOfMissing.has(issue.code))
      return "This field is required."
    if (issue.code === "invalid_format" && issue["format"] === "email")
      return "Enter a valid email address."
    return undefined
  },
})

/** An id on its way out. */
export function id<K extends IdKind>(of: K, example: string) {
  return z
    .custom<Id<K>>((value) => typeof value === "string", { error: "Expected an id." })
    .meta({ type: "string", description: `The ${of}'s id`, example })
}

/** Names one thing, where an id is wanted: an id, a slug, a number or a SKU; a JSON number is read as text (api.md 1.4). */
export const Ref = z
  .union([z.string().trim().min(1).max(200), z.int().min(0)])
  .transform(String)
  .meta({
    type: "string",
    description: "An id, or what else names the thing: slug, SKU, order number",
  })

/** An instant: ISO 8601, UTC, milliseconds. */
export const Instant = z.string().meta({ format: "date-time", example: "2026-11-20T09:30:00.000Z" })

/** An amount on its way out: a decimal string with exactly the currency's digits. */
export const Money = z.string().meta({
  description: "A decimal with the currency's digits; `currency` stands beside it",
  example: "1299.99",
})

/** A price on its way in: text or number, plain digits, above zero. The currency's digits are the verb's to check. */
export const PriceInput = z
  .union([z.string(), z.number()], { error: "A valid price is required." })
  .transform(String)
  .refine(
    (text) => /^\d{1,12}(\.\d{1,3})?$/.test(text),
    "A valid price is required: plain digits, a point, at most the currency's decimals.",
  )
  .refine((text) => !/^[0.]*$/.test(text), "A price is above zero.")
  .meta({ type: "string", example: "1299.99" })

/** An amount on its way in: as a price, and zero too. */
export const AmountInput = z
  .union([z.string(), z.number()], { error: "A valid amount is required." })
  .transform(String)
  .refine(
    (text) => /^\d{1,12}(\.\d{1,3})?$/.test(text),
    "A valid amount is required: plain digits, a point, at most the currency's decimals.",
  )
  .meta({ type: "string", example: "4.99" })

/** How many of a thing: a whole number, 0 to a million. Digits in a string are read as the number. */
export const Count = z
  .union(
    [
      z.int(),
      z
        .string()
        .regex(/^\d{1,7}$/, "A whole number is required.")
        .transform(Number),
    ],
    { error: "A whole number is required." },
  )
  .pipe(z.int().min(0, "Must be 0 or more.").max(1_000_000, "Must be 1000000 or less."))
  .meta({ type: "integer", example: 25 })

/** Of how many a line is: 1 to 999. */
export const Quantity = z
  .union(
    [
      z.int(),
      z
        .string()
        .regex(/^\d{1,3}$/, "A whole number is required.")
        .transform(Number),
    ],
    { error: "A whole number is required." },
  )
  .pipe(z.int().min(1, "Quantity must be greater than 0.").max(999, "At most 999 of one thing."))
  .meta({ type: "integer", example: 2 })

/** A country on its way in: ISO 3166-1 alpha-2, in any letter case. */
export const CountryInput = z
  .string({ error: "A two-letter country code (ISO 3166-1)." })
  .trim()
  .toUpperCase()
  .regex(/^[A-Z]{2}$/, "A two-letter country code (ISO 3166-1).")
  .meta({ type: "string", example: "GB" })

/** Where a rule holds: a country, or `*` for the whole world; of it a state, postal codes that begin so, or both. */
export const areaFields = {
  country: z
    .string({ error: (issue) => (issue.input === undefined ? undefined : "Not a valid string.") })
    .trim()
    .toUpperCase()
    .regex(/^(?:[A-Z]{2}|\*)$/, "A two-letter country code (ISO 3166-1), or * for all.")
    .meta({ type: "string", example: "CA" }),
  state: z
    .string()
    .trim()
    .toUpperCase()
    .max(120, "At most 120 characters.")
    .meta({ type: "string", description: "As addresses write it; empty for all", example: "QC" }),
  postal_prefix: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9 -]{0,12}$/, "Letters, digits, spaces and hyphens.")
    .meta({ description: "Postal codes that begin so; empty for all", example: "" }),
}

/** An instant on its way in, with any offset; read as UTC with milliseconds. */
export const InstantInput = z.iso
  .datetime({ offset: true, error: "An ISO 8601 instant is required: 2026-11-20T09:30:00Z." })
  .transform((text) => new Date(text).toISOString())
  .meta({ type: "string", format: "date-time", example: "2026-11-20T09:30:00.000Z" })

/** Which tax rates hold for a thing: `standard` unless said otherwise, `reduced`, `books`… */
export const TaxClass = z
  .string()
  .trim()
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, "Lower-case letters, digits and single hyphens.")
  .max(40, "At most 40 characters.")
  .meta({ example: "standard" })

/** A query parameter that is true or false. */
export const Flag = z
  .enum(["true", "false", "1", "0", "True", "False"], { error: "Must be true or false." })
  .transform((text) => /^(?:true|1)$/i.test(text))
  .meta({ type: "boolean", example: "true" })

/** Text in one line, trimmed. */
export function line(max: number) {
  return z
    .string({ error: (issue) => (issue.input === undefined ? undefined : "Not a valid string.") })
    .trim()
    .min(1, "This field may not be blank.")
    .max(max, `At most ${max} characters.`)
}

/** Where in a list: see api.md 1.5. All text, since a page that is none is `invalid-page`, not bad input. */
export const pageQuery = {
  page: z.string().optional().meta({ description: "From 1", example: "1" }),
  page_size: z
    .string()
    .optional()
    .meta({ description: "1 to 100, default 20; larger is cut to 100", example: "20" }),
  limit: z.string().optional().meta({ description: "With `offset`, instead of `page`" }),
  offset: z.string().optional(),
  cursor: z.string().optional().meta({
    description: "`next_cursor` of the page before: no skip and no repeat while rows are inserted",
  }),
  ordering: z.string().optional().meta({
    description: "Fields separated by commas, `-` for descending; unknown ones are ignored",
  }),
}

export type PageQuery = Partial<Record<keyof typeof pageQuery, string | undefined>>

/** A page of `item` on the wire. `id` names the component in the document. */
export function pageOf<T extends z.ZodType>(item: T, id: string) {
  return z
    .object({
      count: z.int().meta({ description: "Exact up to 10 000", example: 1 }),
      count_is_capped: z.literal(true).optional(),
      next: z.string().nullable(),
      previous: z.string().nullable(),
      next_cursor: z.string().nullable(),
      results: z.array(item),
    })
    .meta({ id })
}

/** Reads other spellings of a body's fields as the canonical ones (api.md 11); a canonical one that is there wins. */
export function spelled<T extends z.ZodType>(spellings: Record<string, string>, shape: T) {
  return z.preprocess((body) => {
    if (typeof body !== "object" || body === null || Array.isArray(body)) return body
    const fields: Record<string, unknown> = { ...body }
    for (const [other, field] of Object.entries(spellings)) {
      if (fields[field] === undefined && fields[other] !== undefined) fields[field] = fields[other]
    }
    return fields
  }, shape)
}

/** When a check over several fields runs: beside those of the fields themselves, so that all that is wrong is named at once. */
export function isObject({ value }: { value: unknown }): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** What names a thing in an address. */
export const Slug = z
  .string()
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, "Lower-case letters, digits and single hyphens.")
  .max(200)

/** Which version of a thing this is. */
export const Version = z
  .int()
  .meta({ description: "Counts its changes; its ETag begins with it", example: 1 })
