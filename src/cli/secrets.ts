import { generateKeyPairSync, randomBytes } from "node:crypto"
import { existsSync, linkSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const path = join(import.meta.dirname, "../../.dev.vars")

/** Fresh secrets, as the Worker reads them: an Ed25519 signing key and a sealing key. */
export function newSecrets(): Record<string, string> {
  const { privateKey } = generateKeyPairSync("ed25519")
  const { kty, crv, x, d } = privateKey.export({ format: "jwk" })
  const dataKey = randomBytes(32).toString("base64url")
  return {
    JWT_KEYS: JSON.stringify([{ kty, crv, x, d, kid: crypto.randomUUID() }]),
    DATA_KEY: dataKey,
  }
}

/**
 * Writes `.dev.vars` with fresh secrets where there is none: this machine's own, never committed. Of two shops that start
 * at once both have those of the first.
 */
export function ensureLocalSecrets(): void {
  if (existsSync(path)) return
  const lines = Object.entries(newSecrets()).map(([name, value]) => `${name}='${value}'`)
  const fresh = `${path}.${process.pid}`
  writeFileSync(fresh, `${lines.join("\n")}\n`, { mode: 0o600 })
  try {
    linkSync(fresh, path)
  } catch (error) {
    if (!existsSync(path)) throw error
  } finally {
    rmSync(fresh)
  }
}

if (import.meta.main) {
  // For production: `npm run secrets` prints values for `wrangler secret put`.
  for (const [name, value] of Object.entries(newSecrets())) console.log(`${name}=${value}`)
}
