import { z } from "zod"

import { isCurrency } from "#lib/money.ts"
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
} from "#lib/shapes.ts"

import { entryKinds } from "./entry.ts"

const Email = z.email().max(254, "At most 254 characters.").toLowerCase()
const Reason = z.string().trim().min(1, "This field may not be blank.").max(1000)
const Currency = z
  .string()
  .trim()
  .toUpperCase()
  .refine(isCurrency, "An ISO 4217 currency code is required.")
  .meta({ type: "string", example: "USD" })

/** A gift card's code as people write it. */
export const GiftCardCode = z
  .string({ error: (issue) => (issue.input === undefined ? undefined : "Not a valid string.") })
  .trim()
  .min(1, "This field may not be blank.")
  .max(64, "At most 64 characters.")
  .meta({ type: "string", example: "7K3M-9QXA-2B4C-6D8E-0F1G" })

/** A signed amount on its way in: what is added, or with a minus taken away. */
export const DeltaInput = z
  .union([z.string(), z.number()], { error: "A valid amount is required." })
  .transform(String)
  .refine(
    (text) => /^[+-]?\d{1,12}(\.\d{1,3})?$/.test(text) && !/^[+-]?[0.]*$/.test(text),
    "An amount other than zero is required: plain digits, a point, at most the currency's decimals; a minus takes away.",
  )
  .meta({ type: "string", example: "-5.00" })

/** How a gift card stands for who wants to pay with it. */
const Standing = z.enum(["active", "disabled", "expired", "used_up"])

/** A gift card, as staff see it. Its code was shown once, when it was made. */
export const GiftCard = z
  .object({
    id: id("giftCard", "gft_01kaeq4w8s0000000000000000"),
    last4: z.string().meta({ description: "The end of its code", example: "0F1G" }),
    currency: z.string().meta({ example: "USD" }),
    initial_amount: Money,
    balance: Money,
    status: z.enum(["active", "disabled"]),
    standing: Standing,
    expires_at: Instant.nullable(),
    recipient_email: z.string().nullable(),
    message: z.string(),
    note: z.string(),
    version: z.int(),
    created_at: Instant,
    updated_at: Instant,
  })
  .meta({ id: "GiftCard" })
export type GiftCard = z.infer<typeof GiftCard>

/** A new gift card with its code, which is shown this once. */
export const IssuedGiftCard = GiftCard.extend({ code: z.string() }).meta({ id: "IssuedGiftCard" })
export type IssuedGiftCard = z.infer<typeof IssuedGiftCard>

/** A page of gift cards. */
export const GiftCardPage = pageOf(GiftCard, "GiftCardPage")

/** How gift cards are filtered. */
export const GiftCardQuery = z.object({
  status: z.enum(["active", "disabled"]).optional(),
  last4: z
    .string()
    .trim()
    .toUpperCase()
    .length(4, "Four characters.")
    .optional()
    .meta({ type: "string", description: "The end of the code", example: "0F1G" }),
  recipient_email: Email.optional().meta({ type: "string" }),
  ...pageQuery,
})
export type GiftCardQuery = z.infer<typeof GiftCardQuery>

/** A gift card that is to be made. */
export const NewGiftCard = z
  .object({
    amount: PriceInput,
    currency: Currency.optional().meta({ type: "string", description: "Absent: the shop's" }),
    expires_at: InstantInput.nullable()
      .default(null)
      .meta({ type: "string", description: "null: never" }),
    recipient_email: Email.nullable()
      .default(null)
      .meta({ type: "string", description: "The code is mailed there" }),
    message: z
      .string()
      .trim()
      .max(1000, "At most 1000 characters.")
      .default("")
      .meta({ description: "Goes into the mail" }),
    note: z.string().trim().max(1000, "At most 1000 characters.").default(""),
  })
  .meta({ example: { amount: "50.00", recipient_email: "ada@nexus.test", message: "Thank you" } })
export type NewGiftCard = z.infer<typeof NewGiftCard>

/** What of a gift card is changed. What lies on it is moved by an adjustment. */
export const GiftCardChanges = z
  .object({
    status: z.enum(["active", "disabled"]).optional(),
    expires_at: InstantInput.nullable().optional().meta({ type: "string" }),
    note: z.string().trim().max(1000, "At most 1000 characters.").optional(),
  })
  .meta({ example: { status: "disabled" } })
export type GiftCardChanges = z.infer<typeof GiftCardChanges>

/** What is added to a balance or taken off it, and why. */
export const CreditAdjustment = z
  .object({ delta: DeltaInput, reason: Reason })
  .meta({ example: { delta: "-5.00", reason: "Issued for too much" } })
export type CreditAdjustment = z.infer<typeof CreditAdjustment>

/** A code whose balance is asked for. */
export const BalanceQuestion = z.object({ code: GiftCardCode })
export type BalanceQuestion = z.infer<typeof BalanceQuestion>

/** What a gift card has left, for whoever knows its code. */
export const GiftCardBalance = z
  .object({
    last4: z.string().meta({ example: "0F1G" }),
    currency: z.string().meta({ example: "USD" }),
    balance: Money,
    standing: Standing,
    expires_at: Instant.nullable(),
  })
  .meta({ id: "GiftCardBalance" })
export type GiftCardBalance = z.infer<typeof GiftCardBalance>

/** A movement of a gift card or of store credit. */
export const CreditEntry = z
  .object({
    id: id("creditEntry", "cre_01kaeq4w8s0000000000000000"),
    kind: z.enum(entryKinds),
    amount: z.string().meta({ description: "Below zero: it was spent", example: "-12.50" }),
    balance: Money.meta({ description: "What was there afterwards" }),
    currency: z.string().meta({ example: "USD" }),
    reason: z.string(),
    order: z.string().nullable().meta({ description: "The order that it paid, or is paid for" }),
    created_at: Instant,
  })
  .meta({ id: "CreditEntry" })
export type CreditEntry = z.infer<typeof CreditEntry>

/** A page of movements. */
export const CreditEntryPage = pageOf(CreditEntry, "CreditEntryPage")

/** Which page of them. */
export const CreditEntryQuery = z.object(pageQuery)
export type CreditEntryQuery = z.infer<typeof CreditEntryQuery>

const Balance = z.object({ currency: z.string().meta({ example: "USD" }), balance: Money })

/** What an account has with the shop, and a page of how it came about, the newest first. */
export const StoreCredit = CreditEntryPage.extend({
  balances: z.array(Balance).meta({ description: "One for each currency it ever had" }),
}).meta({ id: "StoreCredit" })

/** What is given to an account, or taken from it. */
export const StoreCreditAdjustment = CreditAdjustment.extend({
  currency: Currency.optional().meta({ type: "string", description: "Absent: the shop's" }),
}).meta({ example: { delta: "25.00", reason: "Sorry for the delay" } })
export type StoreCreditAdjustment = z.infer<typeof StoreCreditAdjustment>

/** What an account has in the currency of an adjustment now. */
export const StoreCreditBalance = Balance.extend({
  user: id("user", "usr_01kaeq4w8s0000000000000000"),
}).meta({ id: "StoreCreditBalance" })
export type StoreCreditBalance = z.infer<typeof StoreCreditBalance>

/** What gift cards and store credit pay of something. */
export const Tender = z
  .object({
    method: z.enum(["gift_card", "store_credit"]),
    last4: z.string().nullable().meta({ description: "The end of a gift card's code" }),
    amount: Money,
  })
  .meta({ id: "Tender" })
export type Tender = z.infer<typeof Tender>

/** How a request asks to be paid by gift cards and store credit, before anything else. */
export const creditFields = {
  gift_cards: z
    .array(GiftCardCode)
    .max(10, "At most 10 gift cards.")
    .default([])
    .meta({ description: "Codes, used in this order, before store credit" }),
  use_store_credit: z
    .boolean()
    .default(false)
    .meta({ description: "Whether the account's store credit pays what gift cards leave" }),
}

/** Names a gift card by its id. */
export const GiftCardRef = Ref.meta({ example: "gft_01kaeq4w8s0000000000000000" })

/** Names an account by its id. */
export const UserRef = line(64).meta({ example: "usr_01kaeq4w8s0000000000000000" })
