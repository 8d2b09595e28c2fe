import fc from "fast-check"
import { describe, expect, it, test } from "vitest"

import { dimensionsOf, mediaTypeOf } from "#lib/media-type.ts"

import { bytesOf, latin1 } from "../support/pictures.ts"

describe("the type of a file, by its first bytes", () => {
  test.each([
    ["\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png", "png"],
    ["\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg", "jpg"],
    ["\xff\xd8\xff\xe1\0\x10Exif\0", "image/jpeg", "jpg"],
    ["GIF87a\x01\0", "image/gif", "gif"],
    ["GIF89a\x01\0", "image/gif", "gif"],
    ["RIFF\x24\0\0\0WEBPVP8 ", "image/webp", "webp"],
    ["\0\0\0\x1cftypavif\0\0\0\0mif1avif", "image/avif", "avif"],
    ["\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "image/avif", "avif"],
    ["\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41", "video/mp4", "mp4"],
    ["\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4", "mp4"],
    ["\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm", "webm"],
  ])("%j is %s", (head, contentType, extension) => {
    const kind = contentType.split("/")[0]
    expect(mediaTypeOf(latin1(head))).toEqual({ kind, contentType, extension })
  })

  it.each([
    ["nothing", ""],
    ["SVG", '<svg xmlns="http://www.w3.org/2000/svg">'],
    ["XML", '<?xml version="1.0"?><svg/>'],
    ["HTML", "<!doctype html><script>alert(1)</script>"],
    ["HTML that begins like a GIF comment", "GIF90a<script>"],
    ["a PNG whose line ends were changed", "\x89PNG\n\x1a\n\0\0\0\r"],
    ["a picture after a blank", " \xff\xd8\xff\xe0"],
    ["a WAVE in the same container as WebP", "RIFF\x24\0\0\0WAVEfmt "],
    ["a HEIC in the same container as AVIF", "\0\0\0\x18ftypheic\0\0\0\0mif1heic"],
    ["a QuickTime film", "\0\0\0\x14ftypqt  \0\0\0\0qt  "],
    ["a Matroska film", "\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska"],
    ["a container that only calls itself WebP", "LIST\x24\0\0\0WEBPVP8 "],
    ["a BMP", "BM\x36\0\0\0"],
    ["a PDF", "%PDF-1.7"],
    ["a ZIP", "PK\x03\x04"],
    ["half a signature", "\x89PNG"],
    ["a box that ends before its brands", "\0\0\0\x08ftypavif"],
  ])("%s is none", (_, head) => {
    expect(mediaTypeOf(latin1(head))).toBeUndefined()
  })

  it("is found for any bytes without an error", () => {
    const pieces = ["ftyp", "avif", "\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "RIFF", "WEBP", "GIF89a"]
    const any = fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary-ascii" }))
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), (parts) => {
        const bytes = latin1(parts.join(""))
        const { contentType } = mediaTypeOf(bytes) ?? { contentType: undefined }
        const { width = 1 } = dimensionsOf(bytes) ?? {}
        expect(contentType ?? "image/").toMatch(/^(?:image|video)\//)
        expect(width).toBeGreaterThan(0)
      }),
    )
  })
})

describe("the size of a picture, by its header", () => {
  it.each(["png", "jpeg", "gif", "webp", "avif"] as const)("is read of a %s", (kind) => {
    const wide = { width: 1234, height: 567 }
    expect(dimensionsOf(new Uint8Array(bytesOf(kind, 300, wide)))).toEqual(wide)
  })

  it("is read beyond the metadata of a camera", () => {
    const [start, frame] = ["\xff\xd8", bytesOf("jpeg", 0, { width: 800, height: 600 })]
    const exif = `\xff\xe1\xff\xff${"x".repeat(65_533)}`
    const rest = new Uint8Array(frame).slice(2)
    const bytes = new Uint8Array([...latin1(start), ...latin1(exif), ...latin1(exif), ...rest])
    expect(dimensionsOf(bytes)).toEqual({ width: 800, height: 600 })
  })

  it.each([
    ["a PNG of no width", bytesOf("png", 64, { width: 0, height: 9 })],
    ["half a header", bytesOf("png").slice(0, 20)],
    ["a JPEG that ends before its frame", bytesOf("jpeg").slice(0, 20)],
    ["a WebP of no picture", latin1("RIFF\x24\0\0\0WEBPEXIF\0\0\0\0").buffer],
  ])("is not known of %s", (_, buffer) => {
    expect(dimensionsOf(new Uint8Array(buffer))).toBeUndefined()
  })
})
