const prefix = "nexus_live_"
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const pattern = new RegExp(`^${prefix}([0-9A-Za-z]{30})([0-9A-Za-z]{6})$`)

/** What every key starts with: secret scanners look for it. */
export const keyPrefix = prefix

/**
 * A new API key: `nexus_live_`, 30 random digits of base 62 (178 bits), six of their checksum. GitHub's format: a
 * scanner tells a key from a look-alike without asking anybody.
 */
export function newKey(): string {
  const secret = randomBase62(30)
  return prefix + secret + checksum(secret)
}

/** Whether a text is a key of this format and its checksum holds. Most of what is not a key costs no query so. */
export function isKey(text: string): boolean {
  const [, secret, sum] = pattern.exec(text) ?? []
  return secret !== undefined && checksum(secret) === sum
}

/** The CRC-32 of a text (ISO-HDLC, as in zip and PNG) in six digits of base 62. */
export function checksum(text: string): string {
  let crc = 0xffffffff
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  let sum = ""
  for (let rest = ~crc >>> 0; sum.length < 6; rest = Math.floor(rest / 62))
    sum = digits[rest % 62] + sum
  return sum
}

/** 248 is the last multiple of 62 in a byte: larger ones are thrown away, so that every digit is as likely. */
function randomBase62(length: number): string {
  let text = ""
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length)))
      if (byte < 248 && text.length < length) text += digits[byte % 62]
  }
  return text
}
