/** The checksum of each byte value (polynomial 0xEDB88320). */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb8_8320 : sum >>> 1
  return sum
})

/** CRC-32 (ISO-HDLC, as in zip and PNG) of a text in UTF-8, without sign. */
export function crc32(text: string): number {
  let sum = 0xffff_ffff
  for (const byte of new TextEncoder().encode(text))
    sum = (sum >>> 8) ^ (table[(sum ^ byte) & 0xff] ?? 0)
  return (sum ^ 0xffff_ffff) >>> 0
}
