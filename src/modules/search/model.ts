import { z } from "zod"

import { id, Instant, line, Money, pageOf, pageQuery, Version } from "#lib/shapes.ts"
import { CategoryLink } from "#modules/catalog/category-model.ts"
import { ProductQuery, ProductSummary } from "#modules/catalog/model.ts"

/** What is looked for. Whatever it holds is read as words: there is no syntax in it. */
const Text = z
  .string({ error: (issue) => (issue.input === undefined ? "Say what to search for." : undefined) })
  .max(1000, "At most 1000 characters.")
  .refine((text) => !text.includes("\u0000"), "Text holds no NUL.")
const Needed = Text.refine((text) => text.trim() !== "", "Say what to search for.")

const filters = ProductQuery.shape
const attributesHint =
  "A product is narrowed by an attribute with `attr.<name>=<value>`; a comma list is OR."

/** GET /products: the filters of a list, and a search. */
export const BrowseQuery = z
  .object({
    ...filters,
    search: Text.optional().meta({
      description:
        "Only what a search for this finds, best match first unless `ordering` says otherwise",
      example: "headphones",
    }),
    "attr.colour": z.string().optional().meta({ description: attributesHint, example: "coral" }),
  })
  .catchall(z.unknown())
export type BrowseQuery = z.infer<typeof BrowseQuery>

/** GET /products/search: a search, and the filters of a list. */
export const SearchQuery = z
  .object({
    q: Needed.meta({ description: "Plain words; no syntax", example: "wireless headphones" }),
    ...filters,
    "attr.colour": z.string().optional().meta({ description: attributesHint }),
  })
  .catchall(z.unknown())
export type SearchQuery = z.infer<typeof SearchQuery>

/** GET /products/suggest */
export const SuggestQuery = z.object({
  q: Needed.meta({ description: "What was typed so far", example: "wirel" }),
  limit: z.coerce
    .number({ error: "A whole number is required." })
    .int()
    .min(1)
    .max(20)
    .optional()
    .meta({ description: "At most so many, default 8", example: 8 }),
})
export type SuggestQuery = z.infer<typeof SuggestQuery>

/** A product that was found. */
export const FoundProduct = z
  .object({
    ...ProductSummary.shape,
    highlights: z.record(z.string(), z.string()).meta({
      description:
        "HTML by field (`name`, `description`, `brand`, `category_name`, `sku`, `tags`): what was found is in `<mark>`, all else is escaped",
      example: { name: "Wireless <mark>Headphones</mark>" },
    }),
  })
  .meta({ id: "FoundProduct" })
export type FoundProduct = z.infer<typeof FoundProduct>

const count = z.int().meta({ description: "Exact", example: 3 })

/** What the found products can be narrowed by. */
export const Facets = z
  .object({
    category: z.array(CategoryLink.extend({ parent: id("category", "1").nullable(), count })),
    brand: z.array(
      z.object({
        id: id("brand", "brd_01kaeq4w8s0000000000000000"),
        name: z.string(),
        slug: z.string(),
        count,
      }),
    ),
    price: z.array(
      z.object({
        min: Money.meta({ description: "For `min_price`" }),
        max: Money.nullable().meta({ description: "For `max_price`; null: no limit" }),
        currency: z.string(),
        count,
      }),
    ),
    rating: z.array(z.object({ min: z.int().meta({ description: "For `min_rating`" }), count })),
    in_stock: z.array(z.object({ value: z.boolean(), count })),
    attributes: z.array(
      z.object({
        name: z.string(),
        values: z.array(z.object({ value: z.string(), count })),
      }),
    ),
  })
  .meta({
    id: "Facets",
    description:
      "Each count is over what passes all filters but the facet's own: it says how many there are with that value. A category counts what is below it. At most 50 categories and brands, 20 attributes of 20 values, the most frequent first.",
  })
export type Facets = z.infer<typeof Facets>

/** What is said of a search beside its page. */
export const searchFields = {
  query: z.string().meta({ example: "wireles headphones" }),
  did_you_mean: z.string().nullable().meta({
    description:
      "The query as it may have been meant, when a word of it is unknown; it was searched for too",
    example: "wireless headphones",
  }),
  match: z.enum(["all", "some"]).meta({
    description: "`some`: nothing holds every word; these hold most of them",
  }),
  facets: Facets,
}
/** A page of what was found, best match first unless `ordering` says otherwise. */
export const SearchPage = pageOf(FoundProduct, "SearchPage")
  .extend(searchFields)
  .meta({ id: "SearchPage" })

/** What a query may become. */
export const Suggestions = z
  .object({
    query: z.string().meta({ example: "wirel" }),
    completions: z.array(
      z.object({
        text: z.string().meta({ example: "wireless" }),
        count: count.meta({ description: "Products that hold it" }),
      }),
    ),
    did_you_mean: z.string().nullable(),
  })
  .meta({ id: "Suggestions" })
export type Suggestions = z.infer<typeof Suggestions>

/** Words that mean the same in a search. */
export const Synonym = z
  .object({
    id: id("synonym", "syn_01kaeq4w8s0000000000000000"),
    source: z.string().nullable().meta({
      description: "Only this finds the others; null: each finds all",
      example: null,
    }),
    terms: z.array(z.string()).meta({ example: ["sofa", "couch"] }),
    version: Version,
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "Synonym" })
export type Synonym = z.infer<typeof Synonym>
/** A page of synonyms. */
export const SynonymPage = pageOf(Synonym, "SynonymPage")
/** Which page of synonyms. */
export const SynonymQuery = z.object(pageQuery)
export type SynonymQuery = z.infer<typeof SynonymQuery>

const Term = line(60).refine((text) => /[\p{L}\p{N}]/u.test(text), "A word is required.")
const synonymFields = {
  source: Term.nullable()
    .optional()
    .meta({ description: "Only this finds the others", example: null }),
  terms: z.array(Term).min(1).max(20),
}
/** A synonym to be made. */
export const NewSynonym = z
  .object(synonymFields)
  .meta({ id: "NewSynonym", example: { terms: ["sofa", "couch", "settee"] } })
export type NewSynonym = z.infer<typeof NewSynonym>
/** What changes of a synonym; what is left out stays. */
export const SynonymChanges = z
  .object(synonymFields)
  .partial()
  .meta({ id: "SynonymChanges", example: { terms: ["sofa", "couch"] } })
export type SynonymChanges = z.infer<typeof SynonymChanges>

/** How far the index is. */
export const IndexStatus = z
  .object({
    generation: z.int().meta({ description: "The one that is searched", example: 1 }),
    status: z.enum(["ready", "building"]),
    building: z.int().nullable().meta({ description: "The one that is being built" }),
    indexed: z.int().meta({ description: "Products of it so far", example: 4200 }),
    started_at: Instant.nullable(),
    finished_at: Instant.nullable(),
  })
  .meta({ id: "IndexStatus" })
export type IndexStatus = z.infer<typeof IndexStatus>
