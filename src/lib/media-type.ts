import { imageDimensionsFromData } from "image-dimensions"

/** What a file is by its content. */
export type MediaType = { kind: "image" | "video"; contentType: string; extension: string }

/** Everything that may be uploaded, and be served under its own type. SVG and HTML are not: they run scripts. */
export const mediaTypes = {
  png: { kind: "image", contentType: "image/png", extension: "png" },
  jpeg: { kind: "image", contentType: "image/jpeg", extension: "jpg" },
  gif: { kind: "image", contentType: "image/gif", extension: "gif" },
  webp: { kind: "image", contentType: "image/webp", extension: "webp" },
  avif: { kind: "image", contentType: "image/avif", extension: "avif" },
  mp4: { kind: "video", contentType: "video/mp4", extension: "mp4" },
  webm: { kind: "video", contentType: "video/webm", extension: "webm" },
} as const satisfies Record<string, MediaType>

/**
 * A file's type by its first bytes, the signatures of each format; `undefined` for anything else. A file may be
 * something else besides (a GIF that is a script, a PNG with a ZIP behind it): it is served as what is said here only.
 */
export function mediaTypeOf(bytes: Uint8Array): MediaType | undefined {
  const head = Array.from(bytes.subarray(0, 64), (byte) => String.fromCharCode(byte)).join("")
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return mediaTypes.png
  if (head.startsWith("\xff\xd8\xff")) return mediaTypes.jpeg
  if (/^GIF8[79]a/.test(head)) return mediaTypes.gif
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return mediaTypes.webp
  // ISO/IEC 14496-12 §4.3: the box `ftyp`, its major brand, a version, then the brands it is compatible with.
  const brands = head.slice(4, 8) === "ftyp" ? head.slice(8, boxEnd(bytes)).match(/.{4}/gs) : null
  if (brands?.some((brand) => brand === "avif" || brand === "avis")) return mediaTypes.avif
  if (brands && mp4Brands.has(brands[0] ?? "")) return mediaTypes.mp4
  // EBML with the document type of WebM.
  if (head.startsWith("\x1a\x45\xdf\xa3") && head.includes("\x42\x82\x84webm"))
    return mediaTypes.webm
  return undefined
}

const mp4Brands = new Set([
  "isom",
  "iso2",
  "iso4",
  "iso5",
  "iso6",
  "mp41",
  "mp42",
  "avc1",
  "dash",
  "M4V ",
])

function boxEnd(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}

/** A picture's size in pixels by its header alone: nothing is decoded. `undefined` when the header does not say. */
export function dimensionsOf(bytes: Uint8Array): { width: number; height: number } | undefined {
  const found = imageDimensionsFromData(bytes)
  if (!found || found.width < 1 || found.height < 1) return undefined
  return { width: found.width, height: found.height }
}
