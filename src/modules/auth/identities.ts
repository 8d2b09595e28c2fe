import { and, desc, eq, sql } from "drizzle-orm"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { users as userRows } from "#modules/users/tables.ts"
import * as users from "#modules/users/users.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"

import { stageAudit } from "./audit.ts"
import { stageToken } from "./mailed.ts"
import type { LinkedIdentities, LinkedIdentity, ProviderName } from "./oauth-model.ts"
import * as password from "./password.ts"
import type { ProviderIdentity } from "./providers.ts"
import { identities } from "./tables.ts"

type IdentityRow = typeof identities.$inferSelect

/** Whoever a provider has vouched for: the key is provider and subject (ASVS 6.8.1). */
export type Vouched = Pick<ProviderIdentity, "subject" | "email"> & { provider: ProviderName }

const conflict = () =>
  new DomainError(
    "identity-conflict",
    "An account with this e-mail exists. Sign in with your password and link the provider in your profile.",
  )

/**
 * The account that an identity signs in to: the one it is linked to, whatever its e-mail is now; else the verified
 * account of its verified e-mail, which it is linked to; else a new one. An e-mail that either side has not verified
 * links nothing: its owner may be somebody else.
 * @throws `identity-conflict`, `email-missing`, `wrong-credentials` when the account is closed
 */
export function accountOf(
  ctx: Ctx,
  provider: ProviderName,
  identity: ProviderIdentity,
): Promise<users.UserRow> {
  const { email } = identity
  const vouched = { provider, subject: identity.subject, email }
  return retryRaced(async () => {
    const known = await find(ctx, vouched)
    if (known) return used(ctx, vouched, known)
    if (email === null) throw new DomainError("email-missing")
    const owner = await users.findByEmail(ctx, email)
    if (!owner) return open(ctx, { ...identity, email }, vouched)
    if (!owner.isActive) throw await refused(ctx, owner, provider, "wrong-credentials")
    const mayLink = identity.emailVerified && owner.isVerified
    if (!mayLink || (await has(ctx, owner.id, provider)))
      throw await refused(ctx, owner, provider, "identity-conflict")
    await commit(ctx, stageLink(ctx, vouched, owner.id, email), {
      refusals: { "identities.": () => raced(conflict()) },
    })
    return owner
  })
}

async function find(ctx: Ctx, { provider, subject }: Vouched): Promise<users.UserRow | undefined> {
  const [row] = await ctx.db
    .select({ user: userRows })
    .from(identities)
    .innerJoin(userRows, eq(userRows.id, identities.userId))
    .where(and(eq(identities.provider, provider), eq(identities.subject, subject)))
    .limit(1)
  return row?.user
}

async function has(ctx: Ctx, userId: Id<"user">, provider: ProviderName): Promise<boolean> {
  const [row] = await ctx.db
    .select({ userId: identities.userId })
    .from(identities)
    .where(and(eq(identities.userId, userId), eq(identities.provider, provider)))
    .limit(1)
  return row !== undefined
}

async function used(
  ctx: Ctx,
  { provider, subject, email }: Vouched,
  user: users.UserRow,
): Promise<users.UserRow> {
  if (!user.isActive) throw await refused(ctx, user, provider, "wrong-credentials")
  await commit(ctx, [
    ctx.db
      .update(identities)
      .set({ lastUsedAt: iso(ctx.now), email })
      .where(and(eq(identities.provider, provider), eq(identities.subject, subject))),
  ])
  return user
}

async function refused(
  ctx: Ctx,
  user: users.UserRow,
  by: ProviderName,
  code: "identity-conflict" | "wrong-credentials",
): Promise<DomainError> {
  await commit(ctx, stageAudit(ctx, "session.refused", user.id, { by, because: code }))
  return code === "identity-conflict" ? conflict() : new DomainError(code)
}

/** A new account without a password; verified when the provider has verified the e-mail, else a link goes out. */
async function open(
  ctx: Ctx,
  identity: ProviderIdentity & { email: string },
  vouched: Vouched,
): Promise<users.UserRow> {
  const { email, emailVerified } = identity
  const username = await users.allotUsername(ctx, email, undefined).catch((error: unknown) => {
    // The e-mail was free a moment ago.
    throw error instanceof DomainError ? raced(conflict()) : error
  })
  const row: users.UserRow = {
    ...users.draft(ctx, {
      email,
      username,
      passwordHash: password.nobody,
      role: "customer",
      first_name: identity.firstName,
      last_name: identity.lastName,
    }),
    isVerified: emailVerified,
  }
  const link = emailVerified ? undefined : await stageToken(ctx, "verify-email", row.id, row.email)
  await commit(
    ctx,
    [
      ...users.stage(ctx, row),
      ...(link?.statements ?? []),
      ctx.db.insert(identities).values(draft(ctx, vouched, row.id)),
      ...stageAudit(ctx, "account.registered", row.id, { by: vouched.provider }),
    ],
    {
      events: link
        ? [{ type: "email.verification-requested", userId: row.id, tokenId: link.id }]
        : [],
      refusals: {
        "users.email": () => raced(conflict()),
        users_username: () => raced(conflict()),
        "identities.": () => raced(conflict()),
      },
    },
  )
  return row
}

function draft(ctx: Ctx, vouched: Vouched, userId: Id<"user">): IdentityRow {
  return { ...vouched, userId, createdAt: iso(ctx.now), lastUsedAt: iso(ctx.now) }
}

/**
 * Links an identity to an account. Breaks `identities.` when the identity is linked already, the account has one at
 * this provider, or `email` (if it is why) is no longer the account's verified e-mail.
 */
function stageLink(ctx: Ctx, vouched: Vouched, userId: Id<"user">, email?: string): Statement[] {
  const { provider } = vouched
  const same = email === undefined ? sql`` : sql`AND email = ${email} AND is_verified = 1`
  // NULL where it may not be: the column refuses it.
  const allowed = sql<ProviderName>`CASE
    WHEN EXISTS (SELECT 1 FROM users WHERE id = ${userId} AND is_active = 1 ${same})
     AND NOT EXISTS (SELECT 1 FROM identities WHERE user_id = ${userId} AND provider = ${provider})
    THEN ${provider} END`
  return [
    ctx.db.insert(identities).values({ ...draft(ctx, vouched, userId), provider: allowed }),
    ...stageAudit(ctx, "identity.linked", userId, { provider }),
  ]
}

/**
 * Links an identity to the signed-in account, along with `statements`. One that is linked to it already stays as it is.
 * @throws `identity-conflict` when it is linked to another account, or the account has another one at this provider
 */
export async function add(
  ctx: Ctx,
  vouched: Vouched,
  statements: readonly Statement[],
): Promise<LinkedIdentity> {
  const { id } = requireUser(ctx)
  const { provider, subject } = vouched
  const [known] = await ctx.db
    .select()
    .from(identities)
    .where(and(eq(identities.provider, provider), eq(identities.subject, subject)))
    .limit(1)
  const taken = () =>
    new DomainError(
      "identity-conflict",
      "This identity signs in to another account, or yours has another one at this provider.",
    )
  if (known && known.userId !== id) throw taken()
  const result = toIdentity(known ?? draft(ctx, vouched, id))
  await commit(ctx, [...statements, ...(known ? [] : stageLink(ctx, vouched, id))], {
    result,
    refusals: { challenges_once: "oauth-failed", "identities.": taken },
  })
  return result
}

/** The identities that sign in to the signed-in account, newest first. @throws `unauthenticated` */
export async function list(ctx: Ctx): Promise<LinkedIdentities> {
  const { id } = requireUser(ctx)
  const rows = await ctx.db
    .select()
    .from(identities)
    .where(eq(identities.userId, id))
    .orderBy(desc(identities.createdAt))
  return { count: rows.length, next: null, previous: null, results: rows.map(toIdentity) }
}

/**
 * Unlinks the signed-in account's identity at a provider. A password, a passkey or another identity has to be left.
 * @throws `not-found`, `last-way-in`
 */
export async function remove(ctx: Ctx, provider: string): Promise<void> {
  const { id } = requireUser(ctx)
  const ours = sql`user_id = ${id} AND provider = ${provider}`
  const isLast = sql`${ours}
    AND NOT EXISTS (SELECT 1 FROM users WHERE id = ${id} AND password_hash <> ${password.nobody})
    AND NOT EXISTS (SELECT 1 FROM passkeys WHERE user_id = ${id})
    AND NOT EXISTS (SELECT 1 FROM identities WHERE user_id = ${id} AND provider <> ${provider})`
  // A batch cannot branch: the first two break a column that may not be NULL, where they find what they look for.
  await commit(
    ctx,
    [
      ctx.db.insert(identities).select(sql`SELECT NULL, '', ${id}, NULL, '', ''
        WHERE NOT EXISTS (SELECT 1 FROM identities WHERE ${ours})`),
      ctx.db
        .update(identities)
        .set({ subject: sql`NULL` })
        .where(isLast),
      ctx.db.delete(identities).where(ours),
      ...stageAudit(ctx, "identity.unlinked", id, { provider }),
    ],
    {
      result: {},
      refusals: {
        "identities.provider": () => notFound("identity"),
        "identities.subject": "last-way-in",
      },
    },
  )
}

/** Unlinks every identity of an account: for one that is erased, or found to have been opened by somebody else. */
export function stageUnlinkAll(ctx: Ctx, userId: Id<"user">): Statement[] {
  return [ctx.db.delete(identities).where(eq(identities.userId, userId))]
}

function toIdentity(row: IdentityRow): LinkedIdentity {
  return {
    provider: row.provider,
    email: row.email,
    created_at: row.createdAt,
    last_used_at: row.lastUsedAt,
  }
}
