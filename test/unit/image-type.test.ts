import { describe, expect, it, test } from "vitest"

import { imageTypeOf } from "#lib/image-type.ts"

const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))

describe("the type of a picture, by its first bytes", () => {
  test.each([
    ["\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png", "png"],
    ["\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg", "jpg"],
    ["\xff\xd8\xff\xe1\0\x10Exif\0", "image/jpeg", "jpg"],
    ["GIF87a\x01\0", "image/gif", "gif"],
    ["GIF89a\x01\0", "image/gif", "gif"],
    ["RIFF\x24\0\0\0WEBPVP8 ", "image/webp", "webp"],
    ["RIFF\n\r\0\0WEBPVP8L", "image/webp", "webp"],
    ["\0\0\0\x20ftypavif\0\0\0\0", "image/avif", "avif"],
    ["\0\0\0\nftypavis\0\0\0\0", "image/avif", "avif"],
  ])("%j is %s", (head, contentType, extension) => {
    expect(imageTypeOf(latin1(head))).toEqual({ contentType, extension })
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
    ["an MP4 in the same container as AVIF", "\0\0\0\x20ftypisom\0\0\0\0"],
    ["a container that only calls itself WebP", "LIST\x24\0\0\0WEBPVP8 "],
    ["a BMP", "BM\x36\0\0\0"],
    ["a PDF", "%PDF-1.7"],
    ["half a signature", "\x89PNG"],
  ])("%s is none", (_, head) => {
    expect(imageTypeOf(latin1(head))).toBeUndefined()
  })
})
