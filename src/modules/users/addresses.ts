import { and, desc, eq, inArray, sql } from "drizzle-orm"

import { requireUser } from "#actor.ts"
import type { Ctx } from "#context.ts"
import { DomainError, invalid, notFound } from "#errors.ts"
import { type Id, newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { commit, raced, retryRaced } from "#platform/commit.ts"
import type { Statement } from "#platform/db.ts"
import { mapPage, type Page, readPage } from "#platform/page.ts"

import type {
  Address,
  AddressChanges,
  AddressQuery,
  DefaultSet,
  NewAddress,
  SavedAddress,
} from "./address-model.ts"
import { addresses, users } from "./tables.ts"

type AddressRow = typeof addresses.$inferSelect

/** Addresses in one book: nobody has more, and nobody fills the table. */
const most = 100

/** The caller's addresses, newest first. @throws `unauthenticated` */
export async function list(ctx: Ctx, query: AddressQuery): Promise<Page<SavedAddress>> {
  const mine = eq(addresses.userId, requireUser(ctx).id)
  const page = await readPage<AddressRow>(
    ctx,
    { ...query, ordering: undefined },
    {
      orderings: { created_at: { by: addresses.createdAt, of: (row) => row.createdAt } },
      fallback: "-created_at",
      id: { by: addresses.id, of: (row) => row.id },
      rows: ({ where, orderBy, limit, offset }) =>
        ctx.db
          .select()
          .from(addresses)
          .where(and(mine, where))
          .orderBy(...orderBy)
          .limit(limit)
          .offset(offset),
      matching: ctx.db.select({ id: addresses.id }).from(addresses).where(mine).getSQL(),
    },
  )
  return mapPage(page, toSaved)
}

/** One of the caller's addresses. @throws `unauthenticated`, `not-found` */
export async function get(ctx: Ctx, id: string): Promise<SavedAddress> {
  return toSaved(await rowOf(ctx, requireUser(ctx).id, id))
}

/** The caller's default address. @throws `unauthenticated`, `not-found` when there is no address at all */
export async function getDefault(ctx: Ctx): Promise<SavedAddress> {
  const [row] = await ctx.db
    .select()
    .from(addresses)
    .where(and(eq(addresses.userId, requireUser(ctx).id), sql`is_default = 1`))
    .limit(1)
  if (!row) throw new DomainError("not-found", "No default address found.")
  return toSaved(row)
}

/**
 * Adds an address to the caller's book. The first one is the default whatever it says; a later one becomes it when it
 * says so, and the one before is it no more. @throws `unauthenticated`, `invalid-input` at 100 addresses
 */
export function create(ctx: Ctx, input: NewAddress): Promise<SavedAddress> {
  const { id: userId } = requireUser(ctx)
  return retryRaced(async () => {
    const known = await ctx.db
      .select({ isDefault: addresses.isDefault })
      .from(addresses)
      .where(eq(addresses.userId, userId))
      .limit(most)
    if (known.length === most)
      throw invalid({
        field: "body",
        detail: `An address book holds at most ${most} addresses.`,
        code: "full",
      })
    const isDefault = input.is_default || known.length === 0
    const now = iso(ctx.now)
    const row: AddressRow = {
      id: newId("address", ctx.now),
      userId,
      ...toColumns(input),
      isDefault,
      createdAt: now,
      updatedAt: now,
    }
    const result = toSaved(row)
    // NULL, which the columns refuse: an account that was closed meanwhile, a default that is gone meanwhile.
    const owner = sql<Id<"user">>`(SELECT id FROM users WHERE id = ${userId} AND is_active = 1)`
    const besides = sql<boolean>`(SELECT 0 FROM addresses WHERE user_id = ${userId} AND is_default = 1)`
    await commit(
      ctx,
      [
        ...(input.is_default ? [stageNoDefault(ctx, userId)] : []),
        ctx.db.insert(addresses).values({ ...row, userId: owner, isDefault: isDefault || besides }),
      ],
      {
        result,
        refusals: {
          "NOT NULL constraint failed: addresses.user_id": "unauthenticated",
          // `addresses_default`, the partial index, by the name of its column.
          "UNIQUE constraint failed: addresses.user_id": lost,
          "addresses.is_default": lost,
        },
      },
    )
    return result
  })
}

/**
 * Changes one of the caller's addresses; fields left out stay. `is_default: true` makes it the default; `false` is
 * what the others are anyway, and the default itself stays it. @throws `unauthenticated`, `not-found`
 */
export async function update(ctx: Ctx, id: string, input: AddressChanges): Promise<SavedAddress> {
  const { id: userId } = requireUser(ctx)
  const row = await rowOf(ctx, userId, id)
  const { is_default: wanted, ...given } = input
  const changes = {
    ...toColumns(given),
    ...(wanted && { isDefault: true }),
    updatedAt: iso(ctx.now),
  }
  const result = toSaved({ ...row, ...changes })
  await commit(
    ctx,
    [
      stageStillThere(ctx, row),
      ...(wanted ? [stageNoDefault(ctx, userId)] : []),
      ctx.db.update(addresses).set(changes).where(eq(addresses.id, row.id)),
    ],
    { result, refusals: goneRefusals },
  )
  return result
}

/** Makes one of the caller's addresses the default. Idempotent. @throws `unauthenticated`, `not-found` */
export async function setDefault(ctx: Ctx, id: string): Promise<DefaultSet> {
  const { id: userId } = requireUser(ctx)
  const row = await rowOf(ctx, userId, id)
  const changes = { isDefault: true, updatedAt: iso(ctx.now) }
  const text = "Default address updated."
  const result = { message: text, detail: text, address: toSaved({ ...row, ...changes }) }
  await commit(
    ctx,
    [
      stageStillThere(ctx, row),
      stageNoDefault(ctx, userId),
      ctx.db.update(addresses).set(changes).where(eq(addresses.id, row.id)),
    ],
    { result, refusals: goneRefusals },
  )
  return result
}

/** Takes an address out of the caller's book; the newest of the others is the default then, if this one was. @throws `unauthenticated`, `not-found` */
export async function remove(ctx: Ctx, id: string): Promise<void> {
  const { id: userId } = requireUser(ctx)
  const row = await rowOf(ctx, userId, id)
  const newest = sql`${addresses.id} = (SELECT id FROM addresses WHERE user_id = ${userId} ORDER BY created_at DESC, id DESC LIMIT 1)`
  const hasNone = sql`NOT EXISTS (SELECT 1 FROM addresses WHERE user_id = ${userId} AND is_default = 1)`
  await commit(
    ctx,
    [
      stageStillThere(ctx, row),
      ctx.db.delete(addresses).where(eq(addresses.id, row.id)),
      ctx.db.update(addresses).set({ isDefault: true }).where(and(newest, hasNone)),
    ],
    { result: null, refusals: goneRefusals },
  )
}

/** Those of these that are the caller's own addresses, by id, as an order keeps them. Nobody else's, and none of a guest's. */
export async function findOwn(ctx: Ctx, ids: readonly string[]): Promise<Map<string, Address>> {
  const { actor } = ctx
  if (actor.type !== "user") return new Map()
  const rows = await ctx.db
    .select()
    .from(addresses)
    .where(and(inArray(addresses.id, ids as Id<"address">[]), eq(addresses.userId, actor.id)))
  return new Map(rows.map((row) => [row.id, toAddress(row)]))
}

/** The query for every address of an account, newest first. */
export function selectAll(ctx: Ctx, userId: Id<"user">) {
  return ctx.db
    .select()
    .from(addresses)
    .where(eq(addresses.userId, userId))
    .orderBy(desc(addresses.createdAt), desc(addresses.id))
}

/** Takes every address of an account away. */
export function stageErase(ctx: Ctx, userId: Id<"user">): Statement[] {
  return [ctx.db.delete(addresses).where(eq(addresses.userId, userId))]
}

function stageNoDefault(ctx: Ctx, userId: Id<"user">): Statement {
  return ctx.db
    .update(addresses)
    .set({ isDefault: false })
    .where(and(eq(addresses.userId, userId), sql`is_default = 1`))
}

/** Breaks the batch when the address was deleted meanwhile: an UPDATE that matches nothing would not, and its default would be lost. */
function stageStillThere(ctx: Ctx, { id, userId }: AddressRow): Statement {
  const there = sql`EXISTS (SELECT 1 FROM addresses WHERE addresses.id = ${id})`
  return ctx.db
    .update(users)
    .set({ updatedAt: sql`CASE WHEN ${there} THEN ${users.updatedAt} END` })
    .where(eq(users.id, userId))
}

const goneRefusals = { "users.updated_at": () => notFound("address") }

/** Never answered but after five races lost. */
function lost(): DomainError {
  return raced(new DomainError("unavailable"))
}

async function rowOf(ctx: Ctx, userId: Id<"user">, id: string): Promise<AddressRow> {
  const [row] = await ctx.db
    .select()
    .from(addresses)
    .where(and(eq(addresses.id, id as Id<"address">), eq(addresses.userId, userId)))
    .limit(1)
  if (!row) throw notFound("address")
  return row
}

function toColumns(
  input: Address,
): Omit<AddressRow, "id" | "userId" | "isDefault" | "createdAt" | "updatedAt">
function toColumns(input: Partial<Address>): Partial<AddressRow>
function toColumns(input: Partial<Address>): Partial<AddressRow> {
  const columns = {
    firstName: input.first_name,
    lastName: input.last_name,
    addressLine1: input.address_line_1,
    addressLine2: input.address_line_2,
    city: input.city,
    state: input.state,
    postalCode: input.postal_code,
    country: input.country,
    phoneNumber: input.phone_number,
  }
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
}

function toAddress(row: AddressRow): Address {
  return {
    first_name: row.firstName,
    last_name: row.lastName,
    address_line_1: row.addressLine1,
    address_line_2: row.addressLine2,
    city: row.city,
    state: row.state,
    postal_code: row.postalCode,
    country: row.country,
    phone_number: row.phoneNumber,
  }
}

/** An address of the book on the wire. */
export function toSaved(row: AddressRow): SavedAddress {
  return {
    id: row.id,
    ...toAddress(row),
    is_default: row.isDefault,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }
}
