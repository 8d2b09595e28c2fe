import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import initialize from "@phi-ag/argon2/node"

import { newId } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { hashing } from "#modules/auth/hashing.ts"

import { output } from "./wrangler.ts"

/** An account that a command makes: verified, since whoever runs the command vouches for it. */
export type Account = {
  email: string
  username: string
  password: string
  role: "customer" | "staff" | "admin"
  firstName: string
  lastName: string
}

/**
 * Inserts accounts straight into D1, since only an admin could make one over HTTP. An account whose e-mail is there
 * gets the role, and the password when `reset` says so. `where` is `--local` or `--remote`, and what goes with it.
 */
export async function writeAccounts(
  accounts: readonly Account[],
  where: readonly string[],
  reset: boolean,
): Promise<void> {
  const argon2 = await initialize()
  const now = new Date()
  const statements = accounts.map((account) => {
    const hash = argon2.hash(account.password.normalize("NFC"), hashing).encoded
    const values = [
      newId("user", now),
      account.email.toLowerCase(),
      account.username,
      hash,
      account.role,
      account.firstName,
      account.lastName,
      iso(now),
      iso(now),
    ].map(quoted)
    return `INSERT INTO users (id, email, username, password_hash, role, first_name, last_name, created_at, updated_at, is_active, is_verified, phone, bio, website, avatar, preferences, email_notifications, push_notifications)
      VALUES (${values.join(", ")}, 1, 1, '', '', '', '', '{}', 1, 1)
      ON CONFLICT (email) DO UPDATE SET role = excluded.role${reset ? ", password_hash = excluded.password_hash" : ""};`
  })
  const folder = mkdtempSync(join(tmpdir(), "nexus-"))
  try {
    const file = join(folder, "accounts.sql")
    writeFileSync(file, statements.join("\n"), { mode: 0o600 })
    await output(["d1", "execute", "DB", "--yes", "--file", file, ...where])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
