import type { Actor, Person, Role } from "#actor.ts"
import { newId } from "#lib/id.ts"
import * as sessions from "#modules/auth/sessions.ts"
import * as catalog from "#modules/catalog/catalog.ts"
import * as categories from "#modules/catalog/categories.ts"
import { NewCategory, type Category } from "#modules/catalog/category-model.ts"
import { NewProduct, type Product } from "#modules/catalog/model.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"

import { ctx } from "./ctx.ts"

let serial = 0

/** A signed-in account of this role, and the access token that says so. Its password hash matches nothing. */
export async function user(
  role: Role = "customer",
): Promise<Person & { access: string; email: string }> {
  const system = ctx()
  const n = ++serial
  const row = users.draft(system, {
    email: `user${n}@example.com`,
    username: `user${n}`,
    passwordHash: "none",
    role,
  })
  const session = await sessions.start(system, row)
  await commit(system, [...users.stage(system, row), ...session.statements])
  sessions.publish(system, session.id, row)
  await system.settled()
  return {
    type: "user",
    id: row.id,
    role,
    sessionId: session.id,
    access: session.tokens.access,
    email: row.email,
  }
}

/** Staff as an actor, for making things; no account stands behind it. */
export const staff: Actor = {
  type: "user",
  id: newId("user", new Date(0)),
  role: "staff",
  sessionId: newId("session", new Date(0)),
}

/** A product: 10.00, five in stock, unless said otherwise. */
export async function product(over: Record<string, unknown> = {}): Promise<Product> {
  const as = ctx({ as: staff })
  const input = {
    name: `Product ${++serial}`,
    price: "10.00",
    ...(over["variants"] === undefined && { stock_quantity: 5 }),
    ...over,
  }
  const made = await catalog.create(as, NewProduct.parse(input))
  await as.settled()
  return made
}

/** A category at the root, unless said otherwise. */
export async function category(over: Record<string, unknown> = {}): Promise<Category> {
  const as = ctx({ as: staff })
  const made = await categories.create(
    as,
    NewCategory.parse({ name: `Category ${++serial}`, ...over }),
  )
  await as.settled()
  return made
}
