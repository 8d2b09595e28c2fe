import { and, eq, isNull, lt, or, sql } from "drizzle-orm"

import { type Program, requirePermission, requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { sha256 } from "#lib/secret.ts"
import { iso, secondsAfter } from "#lib/time.ts"
import { users } from "#modules/users/tables.ts"
import { commit } from "#platform/commit.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type { ApiKey, ApiKeyQuery, MadeApiKey, NewApiKey } from "./api-keys-model.ts"
import { stageAudit } from "./audit.ts"
import { isKey, keyPrefix, newKey } from "./key-text.ts"
import { isScope, scopesOf } from "./permissions.ts"
import { confirmIdentity } from "./step-up.ts"
import { apiKeys } from "./tables.ts"

type KeyRow = typeof apiKeys.$inferSelect

/** `lastUsedAt` is written at most this often. */
const useNotedSeconds = 60

/**
 * Makes a key that acts as the caller within `scopes`; who asks shows again who they are. The answer alone holds it.
 * @throws `forbidden`, `invalid-input` naming `scopes`, `expires_at`, `password` or `code`, `rate-limited`
 */
export async function create(ctx: Ctx, input: NewApiKey): Promise<MadeApiKey> {
  requireUser(ctx)
  const { id: userId, role } = requirePermission(ctx, "keys:write")
  const mine = scopesOf(role)
  const beyond = input.scopes.filter((scope) => !mine.includes(scope))
  if (beyond.length > 0)
    throw invalid({
      field: "scopes",
      detail: `Your role does not hold: ${beyond.join(", ")}.`,
      code: "invalid",
    })
  const expiresAt = input.expires_at ? iso(new Date(input.expires_at)) : null
  if (expiresAt !== null && expiresAt <= iso(ctx.now))
    throw invalid({ field: "expires_at", detail: "A key expires in the future.", code: "past" })
  const confirmed = await confirmIdentity(ctx, input)

  const key = newKey()
  const row: KeyRow = {
    id: newId("apiKey", ctx.now),
    hash: await sha256(key),
    name: input.name,
    lastFour: key.slice(-4),
    scopes: input.scopes,
    userId,
    createdAt: iso(ctx.now),
    expiresAt,
    lastUsedAt: null,
    revokedAt: null,
  }
  const result = { ...toApiKey(row), key }
  await commit(
    ctx,
    [
      ...confirmed.statements,
      ctx.db.insert(apiKeys).values(row),
      ...stageAudit(ctx, "api-key.made", userId, { key: row.id, scopes: row.scopes.join(" ") }),
    ],
    { result, refusals: confirmed.refusals },
  )
  return result
}

/** Every key of the shop, newest first, revoked ones too. @throws `forbidden` */
export async function list(ctx: Ctx, query: ApiKeyQuery): Promise<Page<ApiKey>> {
  requireUser(ctx)
  requirePermission(ctx, "keys:write")
  const page = await readPage<KeyRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { created_at: { by: apiKeys.createdAt, of: (row) => row.createdAt } },
      fallback: "-created_at",
      id: { by: apiKeys.id, of: (row) => row.id },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(apiKeys)
          .where(where)
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db.select({ id: apiKeys.id }).from(apiKeys).getSQL(),
    },
  )
  return mapPage(page, toApiKey)
}

/** Ends a key, at once and everywhere. @throws `forbidden`, `not-found` for one that is revoked already */
export async function revoke(ctx: Ctx, id: string): Promise<void> {
  requireUser(ctx)
  requirePermission(ctx, "keys:write")
  const live = and(eq(apiKeys.id, id as Id<"apiKey">), isNull(apiKeys.revokedAt))
  const [row] = await ctx.db.select().from(apiKeys).where(live).limit(1)
  if (!row) throw notFound("API key")
  // Of two at once the second finds it revoked: NULL, which the column refuses.
  const unlessRevoked = sql`(CASE WHEN ${apiKeys.revokedAt} IS NULL THEN ${apiKeys.name} END)`
  await commit(
    ctx,
    [
      ctx.db
        .update(apiKeys)
        .set({ name: unlessRevoked, revokedAt: iso(ctx.now) })
        .where(eq(apiKeys.id, row.id)),
      ...stageAudit(ctx, "api-key.revoked", row.userId, { key: row.id }),
    ],
    { result: null, refusals: { "api_keys.name": () => notFound("API key") } },
  )
}

/** Whether a bearer token means to be an API key. */
export function looksLikeKey(token: string): boolean {
  return token.startsWith(keyPrefix)
}

/**
 * Who sends this key: its owner, within its scopes and what the owner's role holds today. Looked up each time, so that
 * a revoked key ends at once; what is no key by its checksum costs no query. @throws `token-not-valid`
 */
export async function identify(ctx: Ctx, key: string): Promise<Program> {
  const row = isKey(key) ? await findByKey(ctx, key) : undefined
  const lives =
    row && row.revokedAt === null && (row.expiresAt === null || row.expiresAt > iso(ctx.now))
  if (!lives || !row.isActive)
    throw new DomainError("token-not-valid", "The API key is not valid, was revoked or has expired")
  const before = iso(secondsAfter(ctx.now, -useNotedSeconds))
  if (row.lastUsedAt === null || row.lastUsedAt < before) ctx.defer(noteUse(ctx, row.id, before))
  const held = scopesOf(row.role)
  return {
    type: "user",
    id: row.userId,
    role: row.role,
    keyId: row.id,
    scopes: row.scopes.filter(isScope).filter((scope) => held.includes(scope)),
  }
}

async function findByKey(ctx: Ctx, key: string) {
  const [row] = await ctx.db
    .select({
      id: apiKeys.id,
      userId: apiKeys.userId,
      scopes: apiKeys.scopes,
      expiresAt: apiKeys.expiresAt,
      lastUsedAt: apiKeys.lastUsedAt,
      revokedAt: apiKeys.revokedAt,
      role: users.role,
      isActive: users.isActive,
    })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .where(eq(apiKeys.hash, await sha256(key)))
    .limit(1)
  return row
}

async function noteUse(ctx: Ctx, id: Id<"apiKey">, before: string): Promise<void> {
  await ctx.db
    .update(apiKeys)
    .set({ lastUsedAt: iso(ctx.now) })
    .where(and(eq(apiKeys.id, id), or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, before))))
}

function toApiKey(row: KeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    prefix: keyPrefix,
    last_four: row.lastFour,
    scopes: row.scopes,
    owner: row.userId,
    created_at: row.createdAt,
    expires_at: row.expiresAt,
    last_used_at: row.lastUsedAt,
    revoked_at: row.revokedAt,
  }
}
