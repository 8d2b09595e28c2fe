import { z } from "zod"

import { stepRoundings } from "#lib/money.ts"
import {
  id,
  Instant,
  InstantInput,
  line,
  Money,
  pageOf,
  pageQuery,
  PriceInput,
  Ref,
  Version,
} from "#lib/shapes.ts"

import { rateSources } from "./exchange.ts"

/** A currency on its way in, in any letter case. */
export const CurrencyInput = z
  .string({ error: "A currency code (ISO 4217)." })
  .trim()
  .toUpperCase()
  .regex(/^[A-Z]{3}$/, "A currency code (ISO 4217).")
  .meta({ type: "string", example: "EUR" })

/** A query's currency, in which prices are wanted. */
export const currencyQuery = {
  currency: CurrencyInput.optional().meta({
    type: "string",
    description: "What prices are in, also those given: one of GET /currencies; absent: the shop's",
    example: "USD",
  }),
}

const rateText = z.string().meta({
  description: "Units of the currency for one of the base, margin included",
  example: "0.9215",
})

/** The rate that prices were reckoned by. */
export const QuotedRate = z
  .object({
    base: z.string().meta({ example: "USD" }),
    rate: rateText,
    as_of: Instant.meta({ description: "When the source said so" }),
    source: z.enum([...rateSources, "price-list"]).meta({
      description:
        "`ecb`: the European Central Bank; `manual`: staff; `price-list`: nothing was converted, the rate is what the lists come to",
    }),
  })
  .meta({ id: "ExchangeRate" })
export type QuotedRate = z.infer<typeof QuotedRate>

/** What every price in another currency is shown with. */
export const inBase = {
  base_currency: z.string().optional().meta({
    description: "The shop's currency, where `currency` is another",
    example: "USD",
  }),
  base_price: Money.optional().meta({ description: "The price in `base_currency`" }),
}

/** What every total is shown with. */
export const totalInBase = {
  base_currency: z.string().meta({ description: "The shop's own currency", example: "USD" }),
  base_total: Money.meta({ description: "The total in `base_currency`" }),
  exchange_rate: QuotedRate.nullable().meta({
    description: "What it was reckoned by; null in the shop's own currency",
  }),
}

/** The currencies that can be paid in. */
export const OfferedCurrencies = z
  .object({
    base: z.string().meta({ description: "The shop's own", example: "USD" }),
    results: z.array(
      z.object({
        code: z.string().meta({ example: "EUR" }),
        is_base: z.boolean(),
        decimals: z.int().meta({ example: 2 }),
        is_available: z
          .boolean()
          .meta({ description: "Whether prices can be converted into it now" }),
        exchange_rate: QuotedRate.nullable().meta({
          description: "null for the shop's own, and where no rate is new enough",
        }),
      }),
    ),
  })
  .meta({ id: "OfferedCurrencies" })
export type OfferedCurrencies = z.infer<typeof OfferedCurrencies>

const Percentage = z
  .union([z.string(), z.number()], { error: "A percentage is required." })
  .transform(String)
  .refine(
    (text) => /^\d{1,3}(\.\d{1,2})?$/.test(text) && Number(text) <= 100,
    "A percentage from 0 to 100, with at most two decimals.",
  )
  .meta({ type: "string", example: "1.5" })

const fields = {
  enabled: z.boolean({ error: "Must be true or false." }).meta({ example: true }),
  rate_source: z.enum(rateSources).meta({
    description: "Whose rates it goes by; a rate that staff set makes it `manual`",
  }),
  increment: PriceInput.meta({
    description: "Converted prices are multiples of it: 0.05, or 1.00",
    example: "0.05",
  }),
  rounding: z.enum(stepRoundings).meta({ example: "half-even" }),
  max_age_hours: z.int().min(1, "From 1 to 8760.").max(8760, "From 1 to 8760.").meta({
    description: "An older rate prices nothing; the ECB has none on weekends and holidays",
    example: 120,
  }),
  margin: Percentage.meta({
    type: "string",
    description: "In percent, on top of the rate",
    example: "1.5",
  }),
}

/** A currency that prices are to be shown and paid in. */
export const NewCurrency = z
  .object({
    code: CurrencyInput,
    enabled: fields.enabled.default(true),
    rate_source: fields.rate_source.default("ecb"),
    increment: fields.increment.optional().meta({
      type: "string",
      description: "Converted prices are multiples of it; absent: the smallest unit",
      example: "0.01",
    }),
    rounding: fields.rounding.default("half-even"),
    max_age_hours: fields.max_age_hours.default(120),
    margin: fields.margin.default("0"),
  })
  .meta({ id: "NewCurrency", example: { code: "CHF", increment: "0.05", margin: "1.5" } })
export type NewCurrency = z.infer<typeof NewCurrency>

/** What changes of a currency; what is left out stays. Orders keep the rate they were placed with. */
export const CurrencyChanges = z
  .object(fields)
  .partial()
  .meta({ id: "CurrencyChanges", example: { margin: "2" } })
export type CurrencyChanges = z.infer<typeof CurrencyChanges>

/** A currency as staff see it. */
export const Currency = z
  .object({
    code: z.string().meta({ example: "CHF" }),
    decimals: z.int().meta({ example: 2 }),
    enabled: z.boolean(),
    rate_source: z.enum(rateSources),
    increment: Money.meta({ example: "0.05" }),
    rounding: z.enum(stepRoundings),
    max_age_hours: z.int(),
    margin: z.string().meta({ description: "In percent", example: "1.5" }),
    exchange_rate: QuotedRate.nullable().meta({
      description: "What prices are converted by now; null: no rate is new enough",
    }),
    version: Version,
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "Currency" })
export type Currency = z.infer<typeof Currency>
/** A page of currencies. */
export const CurrencyPage = pageOf(Currency, "CurrencyPage")
/** Which page of them. */
export const CurrencyQuery = z.object(pageQuery)
export type CurrencyQuery = z.infer<typeof CurrencyQuery>

/** A rate that staff set. */
export const ManualRate = z
  .object({
    rate: z
      .union([z.string(), z.number()], { error: "A valid rate is required." })
      .transform(String)
      .refine(
        (text) => /^\d{1,9}(\.\d{1,15})?$/.test(text) && !/^[0.]*$/.test(text),
        "A decimal above zero: at most 9 digits before the point and 15 behind it.",
      )
      .meta({
        type: "string",
        description: "Units of this currency for one of the shop's",
        example: "129.35",
      }),
  })
  .meta({ id: "ManualRate", example: { rate: "129.35" } })
export type ManualRate = z.infer<typeof ManualRate>

/** A rate as it was told, without margin. */
export const RateRecord = z
  .object({
    id: id("exchangeRate", "fxr_01kaeq4w8s0000000000000000"),
    source: z.enum(rateSources),
    base: z.string().meta({ example: "EUR" }),
    currency: z.string().meta({ example: "CHF" }),
    rate: z.string().meta({ example: "0.9312" }),
    as_of: Instant,
    actor: z.string(),
    created_at: Instant,
  })
  .meta({ id: "RateRecord" })
export type RateRecord = z.infer<typeof RateRecord>
/** A page of rates. */
export const RatePage = pageOf(RateRecord, "RatePage")
/** How the history of rates is filtered. */
export const RateQuery = z.object({
  currency: CurrencyInput.optional().meta({ type: "string", example: "CHF" }),
  ...pageQuery,
})
export type RateQuery = z.infer<typeof RateQuery>

const listFields = {
  name: line(100).meta({ description: "Quotes name it", example: "Europe" }),
  active: z.boolean({ error: "Must be true or false." }),
  starts_at: InstantInput.nullable().meta({ type: "string", example: null }),
  ends_at: InstantInput.nullable().meta({
    type: "string",
    description: "It holds no more from then on",
    example: null,
  }),
}

/** A price list to be made. */
export const NewPriceList = z
  .object({
    ...listFields,
    currency: CurrencyInput,
    active: listFields.active.default(true),
    starts_at: listFields.starts_at.default(null),
    ends_at: listFields.ends_at.default(null),
  })
  .meta({ id: "NewPriceList", example: { name: "Europe", currency: "EUR" } })
export type NewPriceList = z.infer<typeof NewPriceList>

/** What changes of a price list; its currency stays. */
export const PriceListChanges = z
  .object(listFields)
  .partial()
  .meta({ id: "PriceListChanges", example: { ends_at: "2027-01-01T00:00:00Z" } })
export type PriceListChanges = z.infer<typeof PriceListChanges>

/** A price list. */
export const PriceList = z
  .object({
    id: id("priceList", "plt_01kaeq4w8s0000000000000000"),
    name: z.string(),
    currency: z.string().meta({ example: "EUR" }),
    active: z.boolean(),
    starts_at: Instant.nullable(),
    ends_at: Instant.nullable(),
    version: Version,
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "PriceList" })
export type PriceList = z.infer<typeof PriceList>
/** A page of price lists. */
export const PriceListPage = pageOf(PriceList, "PriceListPage")
/** How price lists are filtered. */
export const PriceListQuery = z.object({
  currency: CurrencyInput.optional().meta({ type: "string", example: "EUR" }),
  ...pageQuery,
})
export type PriceListQuery = z.infer<typeof PriceListQuery>

/** What variants cost by a price list; the others keep what they have. */
export const PriceListEntries = z
  .object({
    entries: z
      .array(
        z.object({
          variant: Ref.meta({ description: "A variant, or a product: id or SKU", example: "1" }),
          price: PriceInput.nullable().meta({
            type: "string",
            description: "null takes it off the list",
            example: "899.00",
          }),
          compare_at_price: PriceInput.nullable()
            .optional()
            .meta({ type: "string", description: "The price before, above the price" }),
        }),
      )
      .min(1, "At least one entry.")
      .max(500, "At most 500 entries."),
  })
  .meta({
    id: "PriceListEntries",
    example: { entries: [{ variant: "1", price: "899.00", compare_at_price: "999.00" }] },
  })
export type PriceListEntries = z.infer<typeof PriceListEntries>

/** What a variant costs by a price list. */
export const PriceListEntry = z
  .object({
    variant_id: id("variant", "1"),
    product_id: id("product", "1"),
    name: z.string(),
    sku: z.string().nullable(),
    price: Money,
    compare_at_price: Money.nullable(),
    currency: z.string().meta({ example: "EUR" }),
    updated_at: Instant,
  })
  .meta({ id: "PriceListEntry" })
export type PriceListEntry = z.infer<typeof PriceListEntry>
/** A page of a price list. */
export const PriceListEntryPage = pageOf(PriceListEntry, "PriceListEntryPage")
/** Which page of it. */
export const PriceListEntryQuery = z.object(pageQuery)
export type PriceListEntryQuery = z.infer<typeof PriceListEntryQuery>

/** How many entries were set, and taken off. */
export const EntriesSet = z
  .object({ set: z.int().meta({ example: 1 }), removed: z.int().meta({ example: 0 }) })
  .meta({ id: "PriceListEntriesSet" })
export type EntriesSet = z.infer<typeof EntriesSet>
