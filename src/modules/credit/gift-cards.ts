import { and, eq } from "drizzle-orm"

import { requirePermission } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { priceFrom, toDecimal } from "#lib/money.ts"
import { iso } from "#lib/time.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stageSeen, stale } from "#platform/version.ts"

import { codeOf, countTry, hashOf, last4Of } from "./codes.ts"
import { spendRefusals, stageEntry } from "./entries.ts"
import type { Holder } from "./entry.ts"
import { deltaFrom, entriesOf } from "./history.ts"
import type {
  CreditAdjustment,
  CreditEntry,
  CreditEntryQuery,
  GiftCard,
  GiftCardBalance,
  GiftCardChanges,
  GiftCardQuery,
  IssuedGiftCard,
  NewGiftCard,
} from "./model.ts"
import { creditEntries, giftCards } from "./tables.ts"

export type GiftCardRow = typeof giftCards.$inferSelect

/** A page of gift cards, the newest first. @throws `forbidden`, `invalid-page` */
export async function list(ctx: Ctx, query: GiftCardQuery): Promise<Page<GiftCard>> {
  requirePermission(ctx, "orders:read")
  const filter = and(
    query.status && eq(giftCards.status, query.status),
    query.last4 === undefined ? undefined : eq(giftCards.last4, query.last4),
    query.recipient_email === undefined
      ? undefined
      : eq(giftCards.recipientEmail, query.recipient_email),
  )
  const page = await readPage<GiftCardRow>(ctx, query, {
    orderings: { created_at: { by: giftCards.createdAt, of: (row) => row.createdAt } },
    fallback: "-created_at",
    id: { by: giftCards.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(giftCards)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db.select({ id: giftCards.id }).from(giftCards).where(filter).getSQL(),
  })
  return mapPage(page, (row) => toGiftCard(ctx, row))
}

/** One gift card. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, ref: string): Promise<GiftCard> {
  requirePermission(ctx, "orders:read")
  return toGiftCard(ctx, await open(ctx, ref))
}

/** How a gift card came to what it has, the newest first. @throws `forbidden`, `not-found`, `invalid-page` */
export async function entries(
  ctx: Ctx,
  ref: string,
  query: CreditEntryQuery,
): Promise<Page<CreditEntry>> {
  requirePermission(ctx, "orders:read")
  const { id } = await open(ctx, ref)
  return entriesOf(ctx, query, eq(creditEntries.giftCardId, id))
}

/**
 * Makes a gift card, audited; its code is in the answer, and in the mail to its recipient, and nowhere else.
 * @throws `forbidden`, `invalid-input`
 */
export async function issue(ctx: Ctx, input: NewGiftCard): Promise<IssuedGiftCard> {
  requirePermission(ctx, "orders:write")
  const currency = input.currency ?? ctx.config.currency
  const amount = priceFrom(input.amount, currency)
  const isPast = input.expires_at !== null && input.expires_at <= iso(ctx.now)
  const errors = [
    ...(amount === undefined
      ? [{ field: "amount", detail: `An amount of ${currency} is required.`, code: "invalid" }]
      : []),
    ...(isPast ? [{ field: "expires_at", detail: "This is in the past.", code: "invalid" }] : []),
  ]
  if (amount === undefined || errors.length > 0) throw invalid(...errors)
  const id = newId("giftCard", ctx.now)
  const code = await codeOf(ctx, id)
  const now = iso(ctx.now)
  const row: GiftCardRow = {
    id,
    codeHash: await hashOf(code),
    last4: last4Of(code),
    currency,
    initialAmount: amount,
    balanceAmount: 0,
    status: "active",
    expiresAt: input.expires_at,
    recipientEmail: input.recipient_email,
    message: input.message,
    note: input.note,
    version: 0,
    createdAt: now,
    updatedAt: now,
  }
  const result = {
    ...toGiftCard(ctx, { ...row, balanceAmount: amount, version: 1 }),
    code,
  }
  const issued = { kind: "issued", amount, currency, reason: input.note, reference: null } as const
  await commit(
    ctx,
    [
      ctx.db.insert(giftCards).values(row),
      ...stageEntry(ctx, holderOf(row), { ...issued, key: `issue:${id}` }),
      ...stageAudit(ctx, "gift-card.issued", null, {
        gift_card: id,
        amount: `${toDecimal(amount, currency)} ${currency}`,
      }),
    ],
    {
      events: row.recipientEmail === null ? [] : [{ type: "gift-card.issued", giftCardId: id }],
      result,
    },
  )
  return result
}

/** Disables a gift card, or makes it usable again, or moves its end; audited. @throws `forbidden`, `not-found`, `stale` */
export function update(ctx: Ctx, ref: string, input: GiftCardChanges): Promise<GiftCard> {
  requirePermission(ctx, "orders:write")
  return retryRaced(async () => {
    const row = await open(ctx, ref)
    requireMatch(ctx, row.version)
    const next: GiftCardRow = {
      ...row,
      status: input.status ?? row.status,
      expiresAt: input.expires_at === undefined ? row.expiresAt : input.expires_at,
      note: input.note ?? row.note,
      version: row.version + 1,
      updatedAt: iso(ctx.now),
    }
    const { status, expiresAt, note, version, updatedAt } = next
    const result = toGiftCard(ctx, next)
    await commit(
      ctx,
      [
        stageSeen(ctx, giftCards.id, row.id, row.version),
        ctx.db
          .update(giftCards)
          .set({ status, expiresAt, note, version, updatedAt })
          .where(eq(giftCards.id, row.id)),
        ...stageAudit(ctx, "gift-card.changed", null, {
          gift_card: row.id,
          status,
          expires_at: expiresAt ?? "never",
        }),
      ],
      { refusals: stale(giftCards.id), result },
    )
    return result
  }, mostTries)
}

/**
 * Adds to what lies on a gift card, or takes off it, for a reason; audited.
 * @throws `forbidden`, `not-found`, `stale`, `credit-changed`, `invalid-input` for more than there is
 */
export function adjust(ctx: Ctx, ref: string, input: CreditAdjustment): Promise<GiftCard> {
  requirePermission(ctx, "orders:write")
  return retryRaced(async () => {
    const row = await open(ctx, ref)
    requireMatch(ctx, row.version)
    const { currency } = row
    const amount = deltaFrom(input.delta, currency, row.balanceAmount)
    const result = toGiftCard(ctx, {
      ...row,
      balanceAmount: row.balanceAmount + amount,
      version: row.version + 1,
      updatedAt: iso(ctx.now),
    })
    const key = `adjust:${newId("creditEntry", ctx.now)}`
    await commit(
      ctx,
      [
        stageSeen(ctx, giftCards.id, row.id, row.version),
        ...stageEntry(ctx, holderOf(row), {
          key,
          kind: "adjusted",
          amount,
          currency,
          reason: input.reason,
          reference: null,
        }),
        ...stageAudit(ctx, "gift-card.adjusted", null, {
          gift_card: row.id,
          delta: `${input.delta} ${currency}`,
          reason: input.reason,
        }),
      ],
      { refusals: { ...stale(giftCards.id), ...spendRefusals }, result },
    )
    return result
  }, mostTries)
}

/** What a card has left, for whoever knows its code; tries are counted. @throws `not-found`, `rate-limited` */
export async function balance(ctx: Ctx, code: string): Promise<GiftCardBalance> {
  await countTry(ctx)
  const [row] = await ctx.db
    .select()
    .from(giftCards)
    .where(eq(giftCards.codeHash, await hashOf(code)))
    .limit(1)
  if (!row) throw notFound("gift card")
  const { last4, currency, balance: left, standing, expires_at } = toGiftCard(ctx, row)
  return { last4, currency, balance: left, standing, expires_at }
}

/**
 * A gift card with its code, for the mail of it; `undefined`: there is none, or it is disabled.
 * @throws Error when the shop's key is another than it was made under
 */
export async function findMailed(
  ctx: Ctx,
  id: Id<"giftCard">,
): Promise<{ row: GiftCardRow; code: string } | undefined> {
  const [row] = await ctx.db.select().from(giftCards).where(eq(giftCards.id, id)).limit(1)
  if (row?.status !== "active") return undefined
  const code = await codeOf(ctx, id)
  if ((await hashOf(code)) !== row.codeHash)
    throw new Error(`the code of ${id} is not known any more`)
  return { row, code }
}

/** Takes an address that is erased off the cards that were mailed to it; their codes pay as before. */
export function stageErase(ctx: Ctx, email: string): Statement[] {
  return [
    ctx.db
      .update(giftCards)
      .set({ recipientEmail: null, message: "" })
      .where(eq(giftCards.recipientEmail, email.toLowerCase())),
  ]
}

async function open(ctx: Ctx, ref: string): Promise<GiftCardRow> {
  const [row] = await ctx.db
    .select()
    .from(giftCards)
    .where(eq(giftCards.id, ref as Id<"giftCard">))
    .limit(1)
  if (!row) throw notFound("gift card")
  return row
}

function holderOf({ id, last4 }: GiftCardRow): Holder {
  return { method: "gift_card", giftCardId: id, last4 }
}

/** How a card stands for who wants to pay with it. */
export function standingOf(
  ctx: Ctx,
  { status, expiresAt, balanceAmount }: GiftCardRow,
): GiftCard["standing"] {
  if (status === "disabled") return "disabled"
  if (expiresAt !== null && expiresAt <= iso(ctx.now)) return "expired"
  return balanceAmount === 0 ? "used_up" : "active"
}

/** A gift card on the wire. */
export function toGiftCard(ctx: Ctx, row: GiftCardRow): GiftCard {
  return {
    id: row.id,
    last4: row.last4,
    currency: row.currency,
    initial_amount: toDecimal(row.initialAmount, row.currency),
    balance: toDecimal(row.balanceAmount, row.currency),
    status: row.status,
    standing: standingOf(ctx, row),
    expires_at: row.expiresAt,
    recipient_email: row.recipientEmail,
    message: row.message,
    note: row.note,
    version: row.version,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
