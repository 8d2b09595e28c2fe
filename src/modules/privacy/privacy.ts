import { desc, eq } from "drizzle-orm"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import { iso } from "#lib/time.ts"
import { stageAudit, toEntry as toAuditEntry } from "#modules/auth/audit.ts"
import { stageErase as stageEraseAccess } from "#modules/auth/erase.ts"
import { toSession } from "#modules/auth/session-list.ts"
import * as sessions from "#modules/auth/sessions.ts"
import { confirmIdentity } from "#modules/auth/step-up.ts"
import {
  apiKeys,
  audit,
  identities,
  passkeys,
  sessions as sessionRows,
} from "#modules/auth/tables.ts"
import * as carts from "#modules/cart/cart.ts"
import { wishlistItems } from "#modules/cart/tables.ts"
import { stageErase as stageEraseCards } from "#modules/credit/gift-cards.ts"
import { toEntry } from "#modules/credit/history.ts"
import { creditEntries } from "#modules/credit/tables.ts"
import * as email from "#modules/notifications/email.ts"
import { mails } from "#modules/notifications/tables.ts"
import * as orders from "#modules/orders/lists.ts"
import * as saved from "#modules/payments/saved.ts"
import * as promotions from "#modules/promotions/promotions.ts"
import * as subscriptions from "#modules/subscriptions/subscriptions.ts"
import * as addresses from "#modules/users/addresses.ts"
import * as standing from "#modules/users/standing.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"

import type { Erasure, PersonalData } from "./model.ts"

/** Of each list in an export at most this many: it is made in memory. */
const most = 1000

/** Everything that is held about the caller; the audit says that it was asked for. @throws `unauthenticated` */
export async function exportMe(ctx: Ctx): Promise<PersonalData> {
  const { id, sessionId } = requireUser(ctx)
  const profile = await users.find(ctx, id)
  if (!profile?.isActive) throw new DomainError("unauthenticated")
  await commit(ctx, stageAudit(ctx, "account.exported", id))
  const [owned, placed, cart] = await Promise.all([
    ctx.db.batch([
      addresses.selectAll(ctx, id),
      ctx.db
        .select()
        .from(sessionRows)
        .where(eq(sessionRows.userId, id))
        .orderBy(desc(sessionRows.id))
        .limit(most + 1),
      ctx.db
        .select()
        .from(audit)
        .where(eq(audit.userId, id))
        .orderBy(desc(audit.createdAt), desc(audit.id))
        .limit(most + 1),
      ctx.db.select().from(identities).where(eq(identities.userId, id)),
      ctx.db.select().from(passkeys).where(eq(passkeys.userId, id)),
      ctx.db.select().from(apiKeys).where(eq(apiKeys.userId, id)).limit(most),
      ctx.db.select().from(wishlistItems).where(eq(wishlistItems.userId, id)).limit(most),
      ctx.db.select().from(mails).where(eq(mails.to, profile.email)).limit(most),
      ctx.db
        .select()
        .from(creditEntries)
        .where(eq(creditEntries.userId, id))
        .orderBy(desc(creditEntries.createdAt), desc(creditEntries.id))
        .limit(most + 1),
      subscriptions.selectOf(ctx, id, most + 1),
      saved.selectCustomers(ctx, id),
    ]),
    orders.newestOf(ctx, id, most + 1),
    carts.get(ctx),
  ])
  const [
    addressRows,
    ownSessions,
    events,
    linked,
    keys,
    programs,
    wished,
    written,
    moved,
    subscribed,
    customers,
  ] = owned
  const lists = {
    orders: placed,
    subscriptions: subscribed,
    sessions: ownSessions,
    audit: events,
    store_credit: moved,
  }
  return {
    exported_at: iso(ctx.now),
    profile: users.toUser(profile),
    addresses: addressRows.map(addresses.toSaved),
    orders: placed.slice(0, most),
    subscriptions: subscribed.slice(0, most).map(subscriptions.toSubscription),
    payment_customers: customers.map((row) => ({
      provider: row.provider,
      created_at: row.createdAt,
    })),
    cart,
    wishlist: wished.map((row) => ({ product_id: row.productId, created_at: row.createdAt })),
    sessions: ownSessions.slice(0, most).map((row) => toSession(row, sessionId)),
    audit: events.slice(0, most).map(toAuditEntry),
    identities: linked.map((row) => ({
      provider: row.provider,
      subject: row.subject,
      email: row.email,
      created_at: row.createdAt,
      last_used_at: row.lastUsedAt,
    })),
    passkeys: keys.map((row) => ({
      name: row.name,
      created_at: row.createdAt,
      last_used_at: row.lastUsedAt,
    })),
    api_keys: programs.map((row) => ({
      name: row.name,
      created_at: row.createdAt,
      last_used_at: row.lastUsedAt,
    })),
    mails: written.map((row) => ({
      template: row.template,
      subject: row.subject,
      created_at: row.createdAt,
    })),
    store_credit: moved.slice(0, most).map(toEntry),
    truncated: Object.entries(lists).flatMap(([name, rows]) => (rows.length > most ? [name] : [])),
  }
}

/**
 * Erases the caller: who they are is taken out of the account, which is closed, out of its orders, which keep their
 * numbers and amounts, off the gift cards that were mailed to it, and out of the mailbox. Its store credit stays in the
 * books, and nobody can spend it. The audit keeps what happened. Idempotent.
 * @throws `unauthenticated`, `invalid-input` naming `password` or `code`, `last-admin`, `rate-limited`
 */
export async function eraseMe(ctx: Ctx, input: Erasure): Promise<void> {
  const { id, sessionId } = requireUser(ctx)
  const erased = standing.erasedEmail(id)
  if ((await users.find(ctx, id))?.email === erased) return
  const confirmed = await confirmIdentity(ctx, input)
  const [kept, subscribed] = await Promise.all([
    saved.stageErase(ctx, id),
    subscriptions.stageErase(ctx, id),
  ])
  const [ended] = await commit(
    ctx,
    [
      sessions.stageEndAll(ctx, id),
      ...confirmed.statements,
      ...stageEraseAccess(ctx, id),
      ...addresses.stageErase(ctx, id),
      ...carts.stageErase(ctx, id, confirmed.user.email),
      ...promotions.stageErase(ctx, id, confirmed.user.email),
      ...subscribed.statements,
      ...kept.statements,
      ...orders.stageErase(ctx, id, erased),
      ...stageEraseCards(ctx, confirmed.user.email),
      ...email.stageErase(ctx, confirmed.user.email),
      ...standing.stageErase(ctx, id),
      ...stageAudit(ctx, "account.erased", id),
    ],
    {
      result: null,
      events: [...kept.events, ...subscribed.events],
      refusals: {
        ...confirmed.refusals,
        ...subscriptions.changeRefusals,
        ...standing.standingRefusals,
      },
    },
  )
  await sessions.retract(ctx, [sessionId, ...ended.map((session) => session.id)])
}
