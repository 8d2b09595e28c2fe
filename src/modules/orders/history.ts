import { sha256 } from "#lib/secret.ts"

import type { orderChanges } from "./tables.ts"

type ChangeRow = typeof orderChanges.$inferSelect

/** A row of history without its hash. */
export type Change = Omit<ChangeRow, "hash">

/** A row of history, bound to the one before it: SHA-256 over its fields in order and the hash before. */
export async function chain(
  before: Pick<ChangeRow, "hash"> | undefined,
  change: Change,
): Promise<ChangeRow> {
  const { orderId, version, kind, from, to, note, actor, createdAt } = change
  const hash = await sha256(
    JSON.stringify([before?.hash ?? "", orderId, version, kind, from, to, note, actor, createdAt]),
  )
  return { ...change, hash }
}

/**
 * Whether rows of one order, in order, are what was written: each bound to the one before, none missing up to
 * `version`, the order's own.
 */
export async function isIntact(rows: readonly ChangeRow[], version: number): Promise<boolean> {
  if (rows.length !== version) return false
  for (const [index, row] of rows.entries()) {
    const { hash } = await chain(rows[index - 1], row)
    if (row.version !== index + 1 || row.hash !== hash) return false
  }
  return true
}
