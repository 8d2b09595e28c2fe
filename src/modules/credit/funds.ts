import { inArray } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"

import { countTry, hashOf, last4Of } from "./codes.ts"
import { type Fund, tendered, tendersOf, type Tender } from "./entry.ts"
import { type GiftCardRow, standingOf } from "./gift-cards.ts"
import type { Tender as TenderOnWire } from "./model.ts"
import { selectBalances } from "./store-credit.ts"
import { giftCards, type storeCredits } from "./tables.ts"

/** What somebody wants to pay with before anything else. */
export type Asked = { gift_cards: readonly string[]; use_store_credit: boolean }

/** A code that pays nothing, and why. `index`: where it was asked for. */
export type RefusedCard = {
  index: number
  last4: string
  reason: "unknown" | "disabled" | "expired" | "used-up" | "other-currency"
  detail: string
}

/** What can be spent of what was asked for, gift cards first. */
export type Funds = { funds: Fund[]; refused: RefusedCard[] }

/** What lies behind what was asked for, whatever the currency. */
export type Purse = {
  /** Each code once, in the order given; `index`: where it was asked for. */
  cards: { index: number; code: string; card: GiftCardRow | undefined }[]
  accounts: (typeof storeCredits.$inferSelect)[]
}

const details: Record<RefusedCard["reason"], string> = {
  unknown: "There is no such gift card.",
  disabled: "This gift card is disabled.",
  expired: "This gift card has expired.",
  "used-up": "Nothing is left on this gift card.",
  "other-currency": "This gift card is of another currency.",
}

/**
 * Reads the gift cards and the store credit that are asked for, in one round trip; asked for none, nobody is asked. Codes
 * are counted as tries first. A guest has no store credit. @throws `rate-limited`
 */
export async function readPurse(ctx: Ctx, asked: Asked): Promise<Purse> {
  const { actor } = ctx
  const userId = asked.use_store_credit && actor.type === "user" ? actor.id : undefined
  const codes = asked.gift_cards
  if (codes.length === 0 && userId === undefined) return { cards: [], accounts: [] }
  if (codes.length > 0) await countTry(ctx)
  const hashes = await Promise.all(codes.map(hashOf))
  const [cards, accounts] = await ctx.db.batch([
    ctx.db.select().from(giftCards).where(inArray(giftCards.codeHash, hashes)),
    // No account has an empty id.
    selectBalances(ctx, userId ?? ("" as Id<"user">)),
  ])
  const byHash = new Map(cards.map((card) => [card.codeHash, card]))
  return {
    cards: hashes.flatMap((hash, index) =>
      hashes.indexOf(hash) === index
        ? [{ index, code: codes[index] ?? "", card: byHash.get(hash) }]
        : [],
    ),
    accounts,
  }
}

/** What of a purse can be spent in a currency. */
export function fundsIn(ctx: Ctx, { cards, accounts }: Purse, currency: string): Funds {
  const looks = cards.map((one) => ({ ...one, reason: reasonOf(ctx, one.card, currency) }))
  return {
    funds: [
      ...looks.flatMap(({ card, reason }): Fund[] => {
        if (!card || reason !== undefined) return []
        const { id: giftCardId, last4, balanceAmount: balance } = card
        return [{ method: "gift_card", giftCardId, last4, balance }]
      }),
      ...accounts
        .filter((account) => account.currency === currency)
        .map(({ userId, balanceAmount: balance }): Fund => {
          return { method: "store_credit", userId, balance }
        }),
    ],
    refused: looks.flatMap(({ index, code, reason }) =>
      reason === undefined
        ? []
        : [{ index, last4: last4Of(code), reason, detail: details[reason] }],
    ),
  }
}

function reasonOf(
  ctx: Ctx,
  card: GiftCardRow | undefined,
  currency: string,
): RefusedCard["reason"] | undefined {
  if (!card) return "unknown"
  const standing = standingOf(ctx, card)
  if (standing === "used_up") return "used-up"
  if (standing !== "active") return standing
  return card.currency === currency ? undefined : "other-currency"
}

/** What the funds pay of a total, for who insists on every card. @throws `gift-card-not-valid` with `reason` */
export function requireTenders({ funds, refused }: Funds, total: number): Tender[] {
  const [first] = refused
  if (first) {
    const { index, last4, reason, detail } = first
    throw new DomainError("gift-card-not-valid", detail, {
      last4,
      reason,
      errors: [{ field: `gift_cards.${index}`, detail, code: "gift-card-not-valid" }],
    })
  }
  return tendersOf(total, funds)
}

/** What funds pay of a total and what is left to pay, on the wire. */
export function toTenders(
  { funds }: Funds,
  total: number,
  currency: string,
): { tenders: TenderOnWire[]; amount_due: string } {
  const tenders = tendersOf(total, funds)
  return {
    tenders: tenders.map((tender) => toTender(tender, currency)),
    amount_due: toDecimal(total - tendered(tenders), currency),
  }
}

/** A tender on the wire. */
export function toTender(tender: Tender, currency: string): TenderOnWire {
  return {
    method: tender.method,
    last4: tender.method === "gift_card" ? tender.last4 : null,
    amount: toDecimal(tender.amount, currency),
  }
}
