import { exports } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { bytesOf, formOf, type PictureKind } from "../support/pictures.ts"
import { countOf, fieldsOf, rows } from "../support/shop.ts"

const tenMebibytes = 10 * 1024 * 1024

async function upload(
  body: ArrayBuffer | FormData,
  { type, as }: { type?: string; as?: { access: string } | undefined } = {},
) {
  const product = await make.product()
  return call("POST", `products/${product.id}/images`, {
    as: as ?? (await make.user("staff")),
    body,
    headers: type === undefined ? {} : { "content-type": type },
  })
}

/** The answer with its bytes. */
async function fetchBytes(path: string, headers: Record<string, string> = {}, method = "GET") {
  const response = await exports.default.fetch(
    new Request(`http://nexus.test${path}`, { headers, method }),
  )
  return {
    status: response.status,
    headers: response.headers,
    bytes: new Uint8Array(await response.arrayBuffer()),
  }
}

/** A picture of 64 bytes, each its own number from the 16th on. */
async function stored() {
  const bytes = new Uint8Array(bytesOf("png"))
  for (let n = 16; n < 64; n++) bytes[n] = n
  const answer = await upload(bytes.buffer, { type: "image/png" })
  return { url: answer.body.url as string, bytes }
}

describe("uploading a picture", () => {
  it.each([
    ["png", "image/png", "png"],
    ["jpeg", "image/jpeg", "jpg"],
    ["webp", "image/webp", "webp"],
    ["gif", "image/gif", "gif"],
    ["avif", "image/avif", "avif"],
  ] as const)("takes a %s in a form, whatever its name", async (kind, type, extension) => {
    const answer = await upload(formOf(kind, { name: "picture.bin" }))
    expect(answer.status).toBe(201)
    expect(answer.body.url).toMatch(new RegExp(`^/media/prd_.*\\.${extension}$`))
    expect((await fetchBytes(answer.body.url)).headers.get("content-type")).toBe(type)
  })

  it("takes it as the body itself too, and shows it with the product", async () => {
    const staff = await make.user("staff")
    const product = await make.product({ name: "Lamp" })
    const answer = await call("POST", "products/lamp/images", {
      as: staff,
      body: bytesOf("jpeg"),
      headers: { "content-type": "image/jpeg" },
    })
    expect(answer).toMatchObject({ status: 201, body: { alt_text: "", is_primary: true } })
    const shown = (await call("GET", `products/${product.id}`)).body
    expect(shown).toMatchObject({ image: answer.body.url, images: [answer.body] })
    expect((await call("GET", "products")).body.results[0].image).toBe(answer.body.url)
  })

  it("reads the field image or file, the text beside it, and whether it is primary", async () => {
    const staff = await make.user("staff")
    const product = await make.product()
    const send = (body: FormData) =>
      call("POST", `products/${product.id}/images`, { as: staff, body })
    const first = await send(formOf("png", { fields: { alt_text: "A lamp, lit" } }))
    expect(first.body).toMatchObject({ alt_text: "A lamp, lit", is_primary: true })
    const second = await send(formOf("png", { field: "file", fields: { is_primary: "true" } }))
    expect(second).toMatchObject({ status: 201, body: { is_primary: true } })
    const { images, image } = (await call("GET", `products/${product.id}`)).body
    expect(images.map((one: { is_primary: boolean }) => one.is_primary)).toEqual([false, true])
    expect(image).toBe(second.body.url)
  })

  it.each<[PictureKind, string]>([
    ["exe", "setup.exe"],
    ["svg", "picture.svg"],
    ["svg", "picture.png"],
    ["text", "text.png"],
    ["html", "page.jpg"],
  ])("refuses %s named %s", async (kind, name) => {
    for (const body of [formOf(kind, { name }), bytesOf(kind)]) {
      const answer = await upload(body, body instanceof FormData ? {} : { type: "image/png" })
      expect(answer).toMatchObject({ status: 400, body: { code: "invalid-input" } })
      expect(fieldsOf(answer)).toEqual(["image"])
    }
    expect(await countOf("media")).toBe(0)
  })

  it("refuses a form without a picture, and a body without bytes", async () => {
    const empty = new FormData()
    empty.set("alt_text", "nothing")
    expect(fieldsOf(await upload(empty))).toEqual(["image"])
    expect(fieldsOf(await upload(new ArrayBuffer(0), { type: "image/png" }))).toEqual(["image"])
    const text = new FormData()
    text.set("image", "just text")
    expect(fieldsOf(await upload(text))).toEqual(["image"])
  })

  it("takes ten mebibytes and not a byte more", async () => {
    const exact = await upload(bytesOf("png", tenMebibytes), { type: "image/png" })
    expect(exact.status).toBe(201)
    const more = await upload(bytesOf("png", tenMebibytes + 1), { type: "image/png" })
    expect(more).toMatchObject({ status: 413, body: { code: "body-too-large" } })
    const form = await upload(formOf("png", { size: tenMebibytes + 1 }))
    expect(form.status).toBe(413)
    expect(await rows("SELECT bytes FROM media")).toEqual([{ bytes: tenMebibytes }])
  })

  it("takes ten mebibytes in a form, whose own lines do not count", async () => {
    expect((await upload(formOf("png", { size: tenMebibytes }))).status).toBe(201)
  })

  it("is for staff, and of a product that is there", async () => {
    const product = await make.product()
    const path = `products/${product.id}/images`
    expect((await call("POST", path, { body: formOf("png") })).status).toBe(401)
    const customer = await make.user()
    expect((await call("POST", path, { body: formOf("png"), as: customer })).status).toBe(403)
    const staff = await make.user("staff")
    const nowhere = await call("POST", "products/nope/images", {
      as: staff,
      body: formOf("png"),
    })
    expect(nowhere.status).toBe(404)
  })
})

describe("fetching a picture", () => {
  it("answers its bytes, to be kept for a year", async () => {
    const { url, bytes } = await stored()
    const answer = await fetchBytes(url)
    expect(answer.status).toBe(200)
    expect(answer.bytes).toEqual(bytes)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "image/png",
      "content-length": "64",
      "cache-control": "public, max-age=31536000, immutable",
      "accept-ranges": "bytes",
      "x-content-type-options": "nosniff",
    })
  })

  it("answers 304 to whoever has it", async () => {
    const { url } = await stored()
    const etag = (await fetchBytes(url)).headers.get("etag") ?? ""
    expect(etag).toMatch(/^"[0-9a-f]+"$/)
    const same = await fetchBytes(url, { "if-none-match": etag })
    expect(same.status).toBe(304)
    expect(same.bytes).toHaveLength(0)
    expect(same.headers.get("etag")).toBe(etag)
    expect(same.headers.get("cache-control")).toContain("immutable")
    expect((await fetchBytes(url, { "if-none-match": '"other"' })).status).toBe(200)
  })

  it.each([
    ["bytes=16-19", [16, 17, 18, 19], "bytes 16-19/64"],
    ["bytes=60-", [60, 61, 62, 63], "bytes 60-63/64"],
    ["bytes=-3", [61, 62, 63], "bytes 61-63/64"],
    ["bytes=62-999", [62, 63], "bytes 62-63/64"],
  ])("answers the part %s", async (range, expected, said) => {
    const { url } = await stored()
    const part = await fetchBytes(url, { range })
    expect(part.status).toBe(206)
    expect([...part.bytes]).toEqual(expected)
    expect(part.headers.get("content-range")).toBe(said)
    expect(part.headers.get("content-length")).toBe(String(expected.length))
  })

  it.each(["bytes=64-", "lines=1-2", "bytes=x-y", "bytes=0-1,4-5"])(
    "answers the whole to the range %s, which is none for it (RFC 9110 §14.2)",
    async (range) => {
      const { url, bytes } = await stored()
      const whole = await fetchBytes(url, { range })
      expect(whole.status).toBe(200)
      expect(whole.bytes).toEqual(bytes)
      expect(whole.headers.get("content-range")).toBeNull()
    },
  )

  it("answers HEAD as GET, without the bytes", async () => {
    const { url } = await stored()
    const head = await fetchBytes(url, {}, "HEAD")
    expect(head.status).toBe(200)
    expect(head.bytes).toHaveLength(0)
    expect(head.headers.get("content-type")).toBe("image/png")
  })

  it("answers 404 where there is none", async () => {
    for (const path of ["/media/prd_x/none.png", "/media/prd_x", "/media/..%2fsecret/x.png"]) {
      const answer = await call("GET", path)
      expect(answer).toMatchObject({ status: 404, body: { code: "not-found" } })
    }
  })
})
