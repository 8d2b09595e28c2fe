const utf8 = new TextEncoder()

/** SHA-256 of a text or bytes as 64 hex digits. For tokens of full entropy; passwords have `modules/auth/password.ts`. */
export async function sha256(data: string | ArrayBuffer): Promise<string> {
  return hex(
    await crypto.subtle.digest("SHA-256", typeof data === "string" ? utf8.encode(data) : data),
  )
}

/** `bytes` random bytes as base64url: 32 make a token nobody guesses. */
export function randomToken(bytes = 32): string {
  return base64url(crypto.getRandomValues(new Uint8Array(bytes)))
}

/**
 * Seals a text under `secret` bound to `label` (AES-256-GCM, key by HKDF-SHA-256, random 96-bit nonce):
 * what a stolen database shows of it is its length. Answers base64url.
 */
export async function seal(text: string, secret: string, label: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const key = await sealingKey(secret, label)
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, utf8.encode(text))
  return `${base64url(iv)}.${base64url(new Uint8Array(sealed))}`
}

/** Opens what `seal` made with the same secret and label. @throws OperationError when either differs. */
export async function unseal(sealed: string, secret: string, label: string): Promise<string> {
  const [iv = "", body = ""] = sealed.split(".")
  const key = await sealingKey(secret, label)
  const plain = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: fromBase64url(iv) },
    key,
    fromBase64url(body),
  )
  return new TextDecoder().decode(plain)
}

async function sealingKey(secret: string, label: string): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", utf8.encode(secret), "HKDF", false, [
    "deriveKey",
  ])
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8.encode(label) }
  return crypto.subtle.deriveKey(hkdf, base, { name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ])
}

function hex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("")
}

/** Bytes as base64url without padding (RFC 4648 §5). */
export function base64url(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "")
}

/** The bytes of a base64url text. @throws InvalidCharacterError when it is none. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) =>
    char.charCodeAt(0),
  )
}

/** Whether two texts are the same, in a time that does not tell where they differ. */
export function equal(a: string, b: string): boolean {
  const [left, right] = [utf8.encode(a), utf8.encode(b)]
  let difference = left.length ^ right.length
  for (const [index, byte] of left.entries()) difference |= byte ^ (right[index] ?? 0)
  return difference === 0
}

/** HMAC-SHA-256 of a text under a secret, as base64url. */
export async function hmac(secret: string, text: string): Promise<string> {
  const key = await crypto.subtle.importKey(
    "raw",
    utf8.encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  )
  return base64url(new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8.encode(text))))
}
