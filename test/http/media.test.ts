import { env, exports } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { bytesOf, formOf, latin1, type PictureKind } from "../support/pictures.ts"
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

/** A picture of 64 bytes, each its own number from the 24th on. */
async function stored() {
  const bytes = new Uint8Array(bytesOf("png"))
  for (let n = 24; n < 64; n++) bytes[n] = n
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
    const misnamed = new FormData()
    misnamed.set("picture", new Blob([new Uint8Array([1])]), "a.png")
    expect((await upload(misnamed)).body.errors).toMatchObject([
      {
        field: "image",
        detail: "The form has no file in its field `image`, but in `picture`.",
        code: "required",
      },
    ])
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

  it("says what else it is by fields before or behind the file, or by the query of a raw body", async () => {
    const staff = await make.user("staff")
    const product = await make.product()
    const path = `products/${product.id}/images`
    const before = new FormData()
    before.set("alt_text", "Frame")
    before.set("kind", "spin")
    before.set("image", new File([bytesOf("png")], "frame.png"))
    expect((await call("POST", path, { as: staff, body: before })).body).toMatchObject({
      kind: "spin",
      alt_text: "Frame",
      is_primary: false,
    })
    const raw = await call("POST", `${path}?alt_text=Film&kind=video`, {
      as: staff,
      body: bytesOf("mp4"),
      headers: { "content-type": "video/mp4" },
    })
    expect(raw).toMatchObject({ status: 201, body: { kind: "video", alt_text: "Film" } })
    expect((await fetchBytes(raw.body.url)).headers.get("content-type")).toBe("video/mp4")
  })

  it("counts a body as it comes, whatever length it says, or none", async () => {
    const product = await make.product()
    const staff = await make.user("staff")
    const send = (size: number, headers: Record<string, string>) => {
      let sent = 0
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          const chunk = new Uint8Array(bytesOf("png", 512 * 1024))
          controller.enqueue(sent === 0 ? chunk : chunk.fill(0))
          sent += chunk.length
          if (sent >= size) controller.close()
        },
      })
      return exports.default.fetch(
        new Request(`http://nexus.test/api/v1/products/${product.id}/images`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${staff.access}`,
            "content-type": "image/png",
            ...headers,
          },
          body,
        }),
      )
    }
    const endless = 2 ** 40
    expect((await send(endless, {})).status).toBe(413)
    expect((await send(endless, { "content-length": "64" })).status).toBe(413)
    expect((await send(1024 * 1024, {})).status).toBe(201)
    await expect.poll(async () => (await env.FILES.list()).objects.length).toBe(1)
    await expect.poll(() => countOf("loose_objects")).toBe(0)
  })

  it.each([
    ["no form", "just text", "multipart/form-data; boundary=b"],
    [
      "cut off",
      '--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\nxx',
      "multipart/form-data; boundary=b",
    ],
    ["without a boundary", "--b--", "multipart/form-data"],
    ["mixed", "--b--", "multipart/mixed; boundary=b"],
  ])("refuses a form that is %s", async (_, body, type) => {
    const product = await make.product()
    const staff = await make.user("staff")
    const answer = await call("POST", `products/${product.id}/images`, {
      as: staff,
      body,
      headers: { "content-type": type },
    })
    expect(answer.status).toBe(400)
    expect(await countOf("media")).toBe(0)
  })

  it("once for a key, whatever else the answer to the first went through", async () => {
    const product = await make.product()
    const staff = await make.user("staff")
    const send = () =>
      call("POST", `products/${product.id}/images`, {
        as: staff,
        body: bytesOf("png"),
        headers: { "content-type": "image/png", "idempotency-key": "one" },
      })
    const first = await send()
    await expect.poll(async () => (await send()).headers.get("idempotent-replayed")).toBe("true")
    expect((await send()).body).toEqual(first.body)
    expect(await countOf("media")).toBe(1)
  })

  it("serves files that are two things at once as the picture only", async () => {
    const script = "/*\0*/=1;alert(document.domain)//"
    const tail = (text: string) => (bytes: ArrayBuffer) =>
      new Uint8Array([...new Uint8Array(bytes), ...latin1(text)]).buffer
    const polyglots: [ArrayBuffer, string][] = [
      // A GIF whose width and height are the opening of a comment, so that it is a script.
      [latin1(`GIF89a/*\x10\x10\0\0\0*/=1;alert(1)`).buffer, "image/gif"],
      [tail(script)(bytesOf("gif")), "image/gif"],
      [tail("<script>alert(1)</script><html>")(bytesOf("jpeg")), "image/jpeg"],
      [tail('<?php system($_GET["c"]); ?>')(bytesOf("png")), "image/png"],
      [tail("PK\x03\x04evil.class")(bytesOf("webp")), "image/webp"],
      [tail("%PDF-1.7 /JS (app.alert(1))")(bytesOf("avif")), "image/avif"],
      [tail('<svg onload="alert(1)">')(bytesOf("mp4")), "video/mp4"],
    ]
    for (const [bytes, type] of polyglots) {
      const { status, body } = await upload(bytes, { type: "text/html" })
      expect([type, status]).toEqual([type, 201])
      const { headers } = await fetchBytes(body.url)
      expect(Object.fromEntries(headers)).toMatchObject({
        "content-type": type,
        "x-content-type-options": "nosniff",
        "content-security-policy": expect.stringContaining("sandbox"),
      })
      expect(body.url).toMatch(/^\/media\/prd_\w+\/med_\w+\.(?:gif|jpg|png|webp|avif|mp4)$/)
    }
  })

  it("names nothing of a path or a page by what the client calls the file", async () => {
    const answer = await upload(formOf("png", { name: '../../x"><script>.html\r\nX-Evil: 1' }))
    expect(answer.status).toBe(201)
    expect(answer.body.url).toMatch(/^\/media\/prd_\w+\/med_\w+\.png$/)
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
    ["bytes=26-29", [26, 27, 28, 29], "bytes 26-29/64"],
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

  it.each(["lines=1-2", "bytes=x-y", "bytes=0-1,4-5", "bytes=9-3", "bytes=-"])(
    "answers the whole to the range %s, which is none for it (RFC 9110 §14.2)",
    async (range) => {
      const { url, bytes } = await stored()
      const whole = await fetchBytes(url, { range })
      expect(whole.status).toBe(200)
      expect(whole.bytes).toEqual(bytes)
      expect(whole.headers.get("content-range")).toBeNull()
    },
  )

  it.each(["bytes=64-", "bytes=64-70", "bytes=-0"])(
    "answers 416 to the range %s, of which there is nothing",
    async (range) => {
      const { url } = await stored()
      const answer = await fetchBytes(url, { range })
      expect(answer.status).toBe(416)
      expect(answer.bytes).toHaveLength(0)
      expect(answer.headers.get("content-range")).toBe("bytes */64")
      expect(answer.headers.get("cache-control")).toBe("no-store")
    },
  )

  it("answers a part only of what the client has the rest of", async () => {
    const { url, bytes } = await stored()
    const range = "bytes=30-31"
    const tag = (await fetchBytes(url)).headers.get("etag") ?? ""
    const same = await fetchBytes(url, { range, "if-range": tag })
    expect([same.status, [...same.bytes]]).toEqual([206, [30, 31]])
    for (const other of ['"other"', `W/${tag}`, "Wed, 21 Oct 2015 07:28:00 GMT"]) {
      const whole = await fetchBytes(url, { range, "if-range": other })
      expect([whole.status, whole.bytes]).toEqual([200, bytes])
      expect(whole.headers.get("content-range")).toBeNull()
    }
    expect((await fetchBytes(url, { range, "if-none-match": tag })).status).toBe(304)
  })

  it("answers 304 to any of several tags, to *, and to a date", async () => {
    const { url } = await stored()
    const first = await fetchBytes(url)
    const tag = first.headers.get("etag") ?? ""
    for (const tags of [`"a", ${tag}`, "*", `W/${tag}`]) {
      expect((await fetchBytes(url, { "if-none-match": tags })).status).toBe(304)
      expect((await fetchBytes(url, { "if-none-match": tags }, "HEAD")).status).toBe(304)
    }
    const date = first.headers.get("last-modified") ?? ""
    expect((await fetchBytes(url, { "if-modified-since": date })).status).toBe(304)
    const old = "Wed, 21 Oct 2015 07:28:00 GMT"
    expect((await fetchBytes(url, { "if-modified-since": old })).status).toBe(200)
    const both = { "if-modified-since": date, "if-none-match": '"other"' }
    expect((await fetchBytes(url, both)).status).toBe(200)
  })

  it("lets no file do anything as a page of its own", async () => {
    const { url } = await stored()
    const headers = Object.fromEntries((await fetchBytes(url)).headers)
    expect(headers["content-security-policy"]).toMatch(/default-src 'none'.*; sandbox$/)
    expect(headers).toMatchObject({ "content-disposition": "inline" })
    await env.FILES.put("media/x/page.html", "<script>alert(1)</script>", {
      httpMetadata: { contentType: "text/html" },
    })
    const strange = Object.fromEntries((await fetchBytes("/media/x/page.html")).headers)
    expect(strange).toMatchObject({
      "content-type": "application/octet-stream",
      "content-disposition": "attachment",
      "x-content-type-options": "nosniff",
    })
  })

  it("answers HEAD as GET, without the bytes", async () => {
    const { url } = await stored()
    const head = await fetchBytes(url, {}, "HEAD")
    expect(head.status).toBe(200)
    expect(head.bytes).toHaveLength(0)
    expect(head.headers.get("content-type")).toBe("image/png")
    expect(head.headers.get("content-length")).toBe("64")
  })

  it("answers 404 where there is none", async () => {
    for (const path of ["/media/prd_x/none.png", "/media/prd_x", "/media/..%2fsecret/x.png"]) {
      const answer = await call("GET", path)
      expect(answer).toMatchObject({ status: 404, body: { code: "not-found" } })
    }
  })
})

describe("changing pictures", () => {
  async function two() {
    const staff = await make.user("staff")
    const product = await make.product()
    const path = `products/${product.id}/images`
    const send = () => call("POST", path, { as: staff, body: formOf("png") })
    return { staff, path, product, a: (await send()).body, b: (await send()).body }
  }

  it("changes what is said of one, and makes another the primary one", async () => {
    const { staff, path, product, a, b } = await two()
    const changed = await call("PATCH", `${path}/${b.id}`, {
      as: staff,
      body: { alt_text: "Closed", is_primary: true },
    })
    expect(changed).toMatchObject({ status: 200, body: { alt_text: "Closed", is_primary: true } })
    const listed = (await call("GET", path)).body
    expect(listed).toEqual([{ ...a, is_primary: false }, changed.body])
    expect((await call("GET", `products/${product.id}`)).body).toMatchObject({
      image: b.url,
      images: listed,
    })
    const nobody = await call("PATCH", `${path}/${b.id}`, {
      as: staff,
      body: { is_primary: false },
    })
    expect(fieldsOf(nobody)).toEqual(["is_primary"])
  })

  it("puts them in order, and removes them", async () => {
    const { staff, path, a, b } = await two()
    const order = await call("PUT", `${path}/order`, { as: staff, body: { ids: [b.id, a.id] } })
    expect(order.body.map(({ id, position }: any) => [id, position])).toEqual([
      [b.id, 1],
      [a.id, 2],
    ])
    expect((await call("DELETE", `${path}/${a.id}`, { as: staff })).status).toBe(204)
    expect((await call("DELETE", `${path}/${a.id}`, { as: staff })).status).toBe(404)
    await expect.poll(async () => (await fetchBytes(a.url)).status).toBe(404)
    expect((await call("GET", path)).body).toMatchObject([{ id: b.id, is_primary: true }])
  })

  it("finds no picture of another product", async () => {
    const { staff, a } = await two()
    const other = await make.product()
    const path = `products/${other.id}/images/${a.id}`
    expect((await call("PATCH", path, { as: staff, body: { alt_text: "x" } })).status).toBe(404)
    expect((await call("DELETE", path, { as: staff })).status).toBe(404)
    expect((await fetchBytes(a.url)).status).toBe(200)
  })

  it("shows the pictures of a draft to staff only", async () => {
    const { staff, path, product } = await two()
    await call("PATCH", `products/${product.id}`, { as: staff, body: { status: "draft" } })
    expect((await call("GET", path)).status).toBe(404)
    expect((await call("GET", path, { as: staff })).body).toHaveLength(2)
  })
})
