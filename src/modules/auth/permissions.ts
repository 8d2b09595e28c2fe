/** Everything that not everybody may do. Whatever is not in an account's row here is denied. */
export const permissions = [
  "catalog:write",
  "promotions:write",
  "pricing:write",
  "inventory:read",
  "inventory:write",
  "orders:read",
  "orders:write",
  "users:read",
  "users:write",
  "keys:write",
  "audit:read",
  "shop:maintain",
] as const
export type Permission = (typeof permissions)[number]

type Role = "customer" | "staff" | "admin"

const ofStaff = [
  "catalog:write",
  "promotions:write",
  "pricing:write",
  "inventory:read",
  "inventory:write",
  "orders:read",
  "orders:write",
] as const satisfies Permission[]

/**
 * Role × permission. `catalog:write` also shows drafts, archived products and what things cost the shop;
 * `pricing:write` is for tax rates and shipping.
 */
const table: Record<Role, readonly Permission[]> = {
  customer: [],
  staff: ofStaff,
  admin: [...ofStaff, "users:read", "users:write", "keys:write", "audit:read", "shop:maintain"],
}

/**
 * What an API key can be given. Who gives out power is a person: a stolen key makes no further keys and no admins.
 */
export const scopes = permissions.filter(
  (permission): permission is Scope => permission !== "keys:write" && permission !== "users:write",
)
export type Scope = Exclude<Permission, "keys:write" | "users:write">

/** Whether an API key can be given this permission. */
export function isScope(permission: string): permission is Scope {
  return (scopes as readonly string[]).includes(permission)
}

/** Whether a role holds a permission. */
export function holds(role: Role, permission: Permission): boolean {
  return table[role].includes(permission)
}

/** The scopes that a key of this role's account may have. */
export function scopesOf(role: Role): Scope[] {
  return scopes.filter((scope) => holds(role, scope))
}
