const size = { width: 40, height: 30 }

const be16 = (n: number) => String.fromCharCode((n >> 8) & 255, n & 255)
const be32 = (n: number) => be16(n >>> 16) + be16(n & 0xffff)
const le16 = (n: number) => String.fromCharCode(n & 255, (n >> 8) & 255)
const le32 = (n: number) => le16(n & 0xffff) + le16(n >>> 16)
const box = (type: string, content: string) => be32(content.length + 8) + type + content

/** The header of a file of each kind, as its format has it, with this size in pixels. */
const heads = {
  png: (w: number, h: number) =>
    `\x89PNG\r\n\x1a\n${be32(13)}IHDR${be32(w)}${be32(h)}\x08\x06\0\0\0\0\0\0\0`,
  jpeg: (w: number, h: number) =>
    `\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08${be16(h)}${be16(w)}\x03\x01\x22\0\x02\x11\x01\x03\x11\x01`,
  webp: (w: number, h: number) =>
    `RIFF${le32(24)}WEBPVP8L${le32(10)}\x2f${le32(((h - 1) << 14) | (w - 1))}\0\0\0\0\0`,
  gif: (w: number, h: number) => `GIF89a${le16(w)}${le16(h)}\0\0\0`,
  avif: (w: number, h: number) =>
    box("ftyp", "avif\0\0\0\0avifmif1") +
    box(
      "meta",
      `\0\0\0\0${box("pitm", "\0\0\0\0\0\x01")}${box(
        "iprp",
        box("ipco", box("ispe", `\0\0\0\0${be32(w)}${be32(h)}`)) +
          box("ipma", "\0\0\0\0\0\0\0\x01\0\x01\x01\x01"),
      )}`,
    ),
  mp4: () => box("ftyp", "isom\0\0\x02\0isomiso2avc1mp41"),
  webm: () =>
    "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\x82\x84webm\x42\x87\x81\x04",
  exe: () => "MZ\x90\0\x03\0\0\0",
  svg: () => '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
  text: () => "This is not a picture, whatever its name says.",
  html: () => "<!doctype html><html></html>",
} as const

export type PictureKind = keyof typeof heads

/** Latin-1 text as its bytes. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

/** A file that begins as this kind does, of 40 by 30 pixels unless said otherwise, filled up with zeros. */
export function bytesOf(
  kind: PictureKind,
  length = 64,
  { width, height }: { width: number; height: number } = size,
): ArrayBuffer {
  const head = latin1(heads[kind](width, height))
  const bytes = new Uint8Array(Math.max(length, head.length))
  bytes.set(head)
  return bytes.buffer
}

/** A form as a browser sends it. */
export function formOf(
  kind: PictureKind,
  {
    field = "image",
    name = "picture.png",
    size: length = 64,
    fields = {},
  }: { field?: string; name?: string; size?: number; fields?: Record<string, string> } = {},
): FormData {
  const form = new FormData()
  form.set(field, new File([bytesOf(kind, length)], name, { type: "image/png" }))
  for (const [key, value] of Object.entries(fields)) form.set(key, value)
  return form
}
