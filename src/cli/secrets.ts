import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const path = join(import.meta.dirname, "../../.dev.vars")

/** Fresh secrets, as the Worker reads them: an Ed25519 signing key and a sealing key. */
export async function newSecrets(): Promise<Record<string, string>> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])
  const { kty, crv, x, d } = await crypto.subtle.exportKey("jwk", pair.privateKey)
  const dataKey = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url")
  return { JWT_KEYS: JSON.stringify([{ kty, crv, x, d, kid: crypto.randomUUID() }]), DATA_KEY: dataKey }
}

/** Writes `.dev.vars` with fresh secrets where there is none: this machine's own, never committed. */
export async function ensureLocalSecrets(): Promise<void> {
  if (existsSync(path)) return
  const lines = Object.entries(await newSecrets()).map(([name, value]) => `${name}='${value}'`)
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 })
}

if (import.meta.main) {
  // For production: `npm run secrets` prints values for `wrangler secret put`.
  for (const [name, value] of Object.entries(await newSecrets())) console.log(`${name}=${value}`)
}
