import { eq } from "drizzle-orm"

import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import type { Statement } from "#platform/db.ts"

import {
  apiKeys,
  authenticators,
  identities,
  mailedTokens,
  passkeys,
  recoveryCodes,
  sessions,
} from "./tables.ts"

/**
 * Takes away all that an account could be opened with, and what its sessions tell of their devices. The sessions
 * themselves are ended beside it (`sessions.stageEndAll`); the audit stays.
 */
export function stageErase(ctx: Ctx, userId: Id<"user">): Statement[] {
  const owned = [identities, passkeys, recoveryCodes, authenticators, apiKeys, mailedTokens]
  return [
    ...owned.map((table) => ctx.db.delete(table).where(eq(table.userId, userId))),
    ctx.db
      .update(sessions)
      .set({ device: "", addressPrefix: "" })
      .where(eq(sessions.userId, userId)),
  ]
}
