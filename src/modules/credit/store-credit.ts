import { and, asc, eq } from "drizzle-orm"

import { requirePermission, requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { toDecimal } from "#lib/money.ts"
import { stageAudit } from "#modules/auth/audit.ts"
import * as users from "#modules/users/users.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import type { Page } from "#platform/page.ts"

import { spendRefusals, stageEntry } from "./entries.ts"
import { deltaFrom, entriesOf } from "./history.ts"
import type {
  CreditEntry,
  CreditEntryQuery,
  StoreCreditAdjustment,
  StoreCreditBalance,
} from "./model.ts"
import { creditEntries, storeCredits } from "./tables.ts"

/** What an account has, by currency, and a page of how it came about. */
export type Account = {
  balances: { currency: string; balance: string }[]
  page: Page<CreditEntry>
}

/** The caller's own store credit. @throws `unauthenticated`, `invalid-page` */
export function mine(ctx: Ctx, query: CreditEntryQuery): Promise<Account> {
  return account(ctx, requireUser(ctx).id, query)
}

/** An account's store credit, for staff. @throws `forbidden`, `not-found`, `invalid-page` */
export async function of(ctx: Ctx, ref: string, query: CreditEntryQuery): Promise<Account> {
  requirePermission(ctx, "orders:read")
  const user = await users.find(ctx, ref as Id<"user">)
  if (!user) throw notFound("account")
  return account(ctx, user.id, query)
}

async function account(ctx: Ctx, userId: Id<"user">, query: CreditEntryQuery): Promise<Account> {
  const [balances, page] = await Promise.all([
    selectBalances(ctx, userId),
    entriesOf(ctx, query, eq(creditEntries.userId, userId)),
  ])
  return {
    balances: balances.map(({ currency, balanceAmount }) => ({
      currency,
      balance: toDecimal(balanceAmount, currency),
    })),
    page,
  }
}

/** What an account has, a row for each currency, for a batch. */
export function selectBalances(ctx: Ctx, userId: Id<"user">) {
  return ctx.db
    .select()
    .from(storeCredits)
    .where(eq(storeCredits.userId, userId))
    .orderBy(asc(storeCredits.currency))
}

/**
 * Gives an account store credit, or takes some away, for a reason; audited.
 * @throws `forbidden`, `not-found`, `credit-changed`, `invalid-input` for more than there is
 */
export function adjust(
  ctx: Ctx,
  ref: string,
  input: StoreCreditAdjustment,
): Promise<StoreCreditBalance> {
  requirePermission(ctx, "orders:write")
  const currency = input.currency ?? ctx.config.currency
  return retryRaced(async () => {
    const userId = ref as Id<"user">
    const [user, rows] = await Promise.all([
      users.find(ctx, userId),
      ctx.db
        .select()
        .from(storeCredits)
        .where(and(eq(storeCredits.userId, userId), eq(storeCredits.currency, currency))),
    ])
    if (!user?.isActive) throw notFound("account")
    const before = rows[0]?.balanceAmount ?? 0
    const amount = deltaFrom(input.delta, currency, before)
    const balance = toDecimal(before + amount, currency)
    const result = { user: user.id, currency, balance }
    await commit(
      ctx,
      [
        ...stageEntry(
          ctx,
          { method: "store_credit", userId },
          {
            key: `adjust:${newId("creditEntry", ctx.now)}`,
            kind: "adjusted",
            amount,
            currency,
            reason: input.reason,
            reference: null,
          },
        ),
        ...stageAudit(ctx, "store-credit.adjusted", userId, {
          delta: `${input.delta} ${currency}`,
          reason: input.reason,
        }),
      ],
      { refusals: spendRefusals, result },
    )
    return result
  })
}
