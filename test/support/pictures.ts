/** The first bytes of a picture of each kind, and a tail of zeros. */
const heads = {
  png: "\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
  jpeg: "\xff\xd8\xff\xe0\0\x10JFIF\0",
  webp: "RIFF\x24\0\0\0WEBPVP8L",
  gif: "GIF89a\x01\0\x01\0",
  avif: "\0\0\0\x20ftypavif\0\0\0\0",
  exe: "MZ\x90\0\x03\0\0\0",
  svg: '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
  text: "This is not a picture, whatever its name says.",
  html: "<!doctype html><html></html>",
} as const

export type PictureKind = keyof typeof heads

/** `size` bytes that begin as this kind does. */
export function bytesOf(kind: PictureKind, size = 64): ArrayBuffer {
  const bytes = new Uint8Array(Math.max(size, heads[kind].length))
  bytes.set(Array.from(heads[kind], (char) => char.charCodeAt(0)))
  return bytes.buffer
}

/** A form as a browser sends it. */
export function formOf(
  kind: PictureKind,
  {
    field = "image",
    name = "picture.png",
    size = 64,
    fields = {},
  }: { field?: string; name?: string; size?: number; fields?: Record<string, string> } = {},
): FormData {
  const form = new FormData()
  form.set(field, new File([bytesOf(kind, size)], name, { type: "image/png" }))
  for (const [key, value] of Object.entries(fields)) form.set(key, value)
  return form
}
