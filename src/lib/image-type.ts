type ImageType = { contentType: string; extension: string }

/** A picture's type by its first 32 bytes (the signatures of each format); `undefined` for anything else, SVG included. */
export function imageTypeOf(head: Uint8Array): ImageType | undefined {
  const ascii = Array.from(head, (byte) => String.fromCharCode(byte)).join("")
  if (ascii.startsWith("\x89PNG\r\n\x1a\n")) return { contentType: "image/png", extension: "png" }
  if (ascii.startsWith("\xff\xd8\xff")) return { contentType: "image/jpeg", extension: "jpg" }
  if (/^GIF8[79]a/.test(ascii)) return { contentType: "image/gif", extension: "gif" }
  if (ascii.startsWith("RIFF") && ascii.slice(8, 12) === "WEBP")
    return { contentType: "image/webp", extension: "webp" }
  if (/^....ftyp(?:avif|avis)/s.test(ascii)) return { contentType: "image/avif", extension: "avif" }
  return undefined
}
