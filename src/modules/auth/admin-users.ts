import { and, eq, gte, lt, type SQL, sql } from "drizzle-orm"

import { requirePermission, requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, notFound } from "#errors.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import * as standing from "#modules/users/standing.ts"
import { users } from "#modules/users/tables.ts"
import * as accounts from "#modules/users/users.ts"
import { commit, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"
import { mostTries, requireMatch, stale } from "#platform/version.ts"

import type { Account, Standing, UserQuery } from "./admin-users-model.ts"
import { stageAudit } from "./audit.ts"
import * as sessions from "./sessions.ts"

/** More matches of a prefix than this are not looked at: a longer one finds them. */
const mostFound = 10_000

/**
 * A page of all accounts, newest first. `search` is a prefix of the e-mail or the username, in any letter case.
 * @throws `forbidden`
 */
export async function list(ctx: Ctx, query: UserQuery): Promise<Page<Account>> {
  requirePermission(ctx, "users:read")
  const { search = "", role, is_active: isActive } = query
  // A `+` keeps SQLite off an index: it would walk all of a role, or of time, to find the few that are left. `is_active`
  // is written out, not bound: the partial index `users_closed` holds the closed ones only.
  const few = search !== "" || isActive === false
  const filter = and(
    search === "" ? undefined : sql`${users.id} IN (${startingWith(ctx, search)})`,
    role && (few ? sql`+${users.role} = ${role}` : eq(users.role, role)),
    isActive === true ? sql`+${users.isActive} = 1` : undefined,
    isActive !== false
      ? undefined
      : search === ""
        ? sql`${users.isActive} = 0`
        : sql`+${users.isActive} = 0`,
  )
  const page = await readPage<accounts.UserRow>(ctx, query, {
    orderings: {
      date_joined: {
        by: search === "" ? users.createdAt : sql`+${users.createdAt}`,
        of: (row) => row.createdAt,
      },
    },
    fallback: "-date_joined",
    id: { by: users.id, of: (row) => row.id },
    rows: ({ where, orderBy, limit, offset }) =>
      ctx.db
        .select()
        .from(users)
        .where(and(filter, where))
        .orderBy(...orderBy)
        .limit(limit)
        .offset(offset),
    matching: ctx.db.select({ id: users.id }).from(users).where(filter).getSQL(),
  })
  return mapPage(page, toAccount)
}

/** The ids of accounts whose e-mail or username starts so: a range of each index, cut off. */
function startingWith(ctx: Ctx, text: string): SQL {
  const from = text.normalize("NFC").toLowerCase()
  const to = `${from}\u{10ffff}`
  const name = sql`lower(${users.username})`
  const within = (by: typeof users.email | SQL) =>
    sql`SELECT id FROM (${ctx.db
      .select({ id: users.id })
      .from(users)
      .where(and(gte(by as SQL, from), lt(by as SQL, to)))
      .limit(mostFound)
      .getSQL()})`
  return sql`${within(users.email)} UNION ${within(name)}`
}

/** One account. @throws `forbidden`, `not-found` */
export async function get(ctx: Ctx, id: string): Promise<Account> {
  requirePermission(ctx, "users:read")
  return toAccount(await accountOf(ctx, id))
}

/**
 * Gives somebody else's account another role, or closes or opens it; its sessions end then. What is so already
 * changes nothing.
 * @throws `forbidden` (also for one's own account), `not-found`, `last-admin`, `stale`
 */
export async function update(ctx: Ctx, id: string, input: Standing): Promise<Account> {
  requirePermission(ctx, "users:write")
  const { result, ended } = await retryRaced(() => change(ctx, id, input), mostTries)
  await sessions.retract(ctx, ended)
  return result
}

/** Answers the account as it is then, and the sessions that ended. */
async function change(ctx: Ctx, id: string, input: Standing) {
  const admin = requireUser(ctx)
  const row = await accountOf(ctx, id)
  requireMatch(ctx, row.version)
  const role = input.role === row.role ? undefined : input.role
  const isActive = input.is_active === row.isActive ? undefined : input.is_active
  if (role === undefined && isActive === undefined) return { result: toAccount(row), ended: [] }
  if (row.id === admin.id)
    throw new DomainError("forbidden", "Nobody changes their own role: ask another admin")
  // The row of an account that was erased stays closed: nobody is behind it.
  if (row.email === standing.erasedEmail(row.id)) throw notFound("account")

  const result = toAccount({
    ...row,
    ...(role !== undefined && { role }),
    ...(isActive !== undefined && { isActive }),
    version: row.version + 1,
    updatedAt: iso(ctx.now),
  })
  const noted: Statement[] = [
    ...(role === undefined
      ? []
      : stageAudit(ctx, "role.changed", row.id, { from: row.role, to: role })),
    ...(isActive === undefined
      ? []
      : stageAudit(ctx, isActive ? "account.opened" : "account.closed", row.id)),
  ]
  const [ended] = await commit(
    ctx,
    [
      sessions.stageEndAll(ctx, row.id),
      ...standing.stageStanding(ctx, row, { role, isActive }),
      ...noted,
    ],
    { result, refusals: { ...stale(users.id), ...standing.standingRefusals } },
  )
  return { result, ended: ended.map((session) => session.id) }
}

function toAccount(row: accounts.UserRow): Account {
  return { ...accounts.toUser(row), version: row.version }
}

async function accountOf(ctx: Ctx, id: string): Promise<accounts.UserRow> {
  const row = await accounts.find(ctx, id as Id<"user">)
  if (!row) throw notFound("account")
  return row
}
