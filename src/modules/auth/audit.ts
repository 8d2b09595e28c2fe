import { and, eq, type SQL } from "drizzle-orm"

import { nameOf, requirePermission, requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { AuditEntry, AuditQuery } from "./model.ts"
import { audit } from "./tables.ts"

type AuditRow = typeof audit.$inferSelect

/** Every kind of security event there is. */
export const auditActions = [
  "account.registered",
  "account.erased",
  "account.exported",
  "session.started",
  "session.refused",
  "session.ended",
  "token.reused",
  "password.changed",
  "password.reset",
  "password.reset-requested",
  "email.verified",
  "email.changed",
  "email.change-requested",
  "mfa.enabled",
  "mfa.disabled",
  "mfa.refused",
  "recovery-code.used",
  "recovery-codes.renewed",
  "passkey.added",
  "passkey.removed",
  "identity.linked",
  "identity.unlinked",
  "api-key.made",
  "api-key.revoked",
  "role.changed",
  "account.closed",
  "account.opened",
  "payment.marked-paid",
  "payment.captured",
  "payment.voided",
  "payment.refunded",
  "gift-card.issued",
  "gift-card.changed",
  "gift-card.adjusted",
  "store-credit.adjusted",
  "currency.added",
  "currency.changed",
  "currency.removed",
  "exchange-rate.set",
  "price-list.added",
  "price-list.changed",
  "price-list.removed",
  "plan.made",
  "plan.changed",
  "plan.removed",
  "plan.migrated",
] as const
export type AuditAction = (typeof auditActions)[number]

/** A row for the batch of what happened: who did it, to whose account, from where. Never a secret in `details`. */
export function stageAudit(
  ctx: Ctx,
  action: AuditAction,
  userId: Id<"user"> | null,
  details: Record<string, string> = {},
): Statement[] {
  const row: AuditRow = {
    id: newId("audit", ctx.now),
    action,
    actor: nameOf(ctx.actor),
    userId,
    details,
    addressPrefix: prefixOf(ctx.client.address),
    device: ctx.client.device.slice(0, 200),
    createdAt: iso(ctx.now),
  }
  return [ctx.db.insert(audit).values(row)]
}

/** The /24 of an IPv4 address, the /48 of an IPv6 one: where from, roughly, and no more. */
export function prefixOf(address: string): string {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(address))
    return `${address.split(".").slice(0, 3).join(".")}.0/24`
  if (address.includes(":")) return `${address.split(":").slice(0, 3).join(":")}::/48`
  return address
}

/** What happened to the caller's own account, newest first. @throws `unauthenticated` */
export function listOwn(ctx: Ctx, query: AuditQuery): Promise<Page<AuditEntry>> {
  return read(ctx, query, eq(audit.userId, requireUser(ctx).id))
}

/** What happened to any account, newest first; `user` and `action` narrow it. @throws `forbidden` */
export function list(ctx: Ctx, query: AuditQuery): Promise<Page<AuditEntry>> {
  requirePermission(ctx, "audit:read")
  return read(ctx, query, query.user ? eq(audit.userId, query.user as Id<"user">) : undefined)
}

async function read(
  ctx: Ctx,
  query: AuditQuery,
  scope: SQL | undefined,
): Promise<Page<AuditEntry>> {
  const filter = and(scope, query.action === undefined ? undefined : eq(audit.action, query.action))
  const page = await readPage<AuditRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { created_at: { by: audit.createdAt, of: (row) => row.createdAt } },
      fallback: "-created_at",
      id: { by: audit.id, of: (row) => row.id },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(audit)
          .where(and(filter, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db.select({ id: audit.id }).from(audit).where(filter).getSQL(),
    },
  )
  return mapPage(page, toEntry)
}

/** A security event on the wire. */
export function toEntry(row: AuditRow): AuditEntry {
  return {
    id: row.id,
    action: row.action,
    actor: row.actor,
    user: row.userId,
    details: row.details,
    address_prefix: row.addressPrefix,
    device: row.device,
    created_at: row.createdAt,
  }
}
