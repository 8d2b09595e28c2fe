import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import * as carts from "#modules/cart/cart.ts"
import * as catalog from "#modules/catalog/catalog.ts"
import type { Image } from "#modules/catalog/media-model.ts"
import * as uploads from "#modules/catalog/media-upload.ts"
import * as media from "#modules/catalog/media.ts"
import * as variants from "#modules/catalog/variants.ts"
import * as files from "#platform/files.ts"

import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { bytesOf, type PictureKind } from "../support/pictures.ts"
import { countOf, deliverAll, rows, silentQueue } from "../support/shop.ts"

const staff = (over: Parameters<typeof ctx>[0] = {}) => ctx({ as: make.staff, ...over })

async function* once(bytes: ArrayBuffer) {
  yield new Uint8Array(bytes)
}

/** A file on its way in. */
function upload(
  fields: Record<string, string> = {},
  bytes: ArrayBuffer = bytesOf("png"),
): uploads.Upload {
  return { file: once(bytes), fields: async () => fields }
}

async function add(
  ref: string,
  fields: Record<string, string> = {},
  { as = staff(), kind = "png" as PictureKind } = {},
): Promise<Image> {
  const image = await uploads.add(as, ref, upload(fields, bytesOf(kind)))
  await as.settled()
  return image
}

const objects = async () => (await env.FILES.list()).objects.map(({ key }) => key)
const primaries = () => rows("SELECT id FROM media WHERE is_primary = 1 ORDER BY id")

/** What must hold of a product at every instant, whatever happened to its pictures. */
async function expectWhole(productId: string): Promise<void> {
  const all = await rows("SELECT * FROM media WHERE product_id = ?", productId)
  const primary = all.filter(({ is_primary }) => is_primary === 1)
  const hasPictures = all.some(({ kind }) => kind === "image")
  expect(primary.map(({ kind }) => kind)).toEqual(hasPictures ? ["image"] : [])
  const [product] = await rows("SELECT image_key FROM products WHERE id = ?", productId)
  expect(product?.["image_key"] ?? null).toBe(primary[0]?.["key"] ?? null)
  const stored = new Set(await objects())
  for (const { key } of all) expect([key, stored.has(`media/${key}`)]).toEqual([key, true])
}

describe("pictures of a product", () => {
  it("have one primary, the first until another is said to be", async () => {
    const product = await make.product()
    const first = await add(product.id)
    const second = await add(product.slug)
    expect([first.is_primary, second.is_primary]).toEqual([true, false])
    const third = await add(product.id, { is_primary: "true" })
    expect(third).toMatchObject({ is_primary: true, position: 3, width: 40, height: 30 })
    expect(await primaries()).toEqual([{ id: third.id }])
    await expectWhole(product.id)
  })

  it("have one primary also when many come, each the first or wanting to be it, at once", async () => {
    const product = await make.product()
    const wishes = Array.from({ length: 12 }, (_, n) => ({ is_primary: String(n % 3 === 0) }))
    const made = await Promise.all(wishes.map((fields) => add(product.id, fields)))
    expect(await countOf("media")).toBe(12)
    expect(made.map(({ position }) => position).toSorted((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ])
    await expectWhole(product.id)
    await Promise.all(
      made.map(({ id }) => media.update(staff(), product.id, id, { is_primary: true })),
    )
    await expectWhole(product.id)
  })

  it("hand primary on to the next in order when it is removed, until none is left", async () => {
    const product = await make.product()
    const [a, b, c] = [await add(product.id), await add(product.id), await add(product.id)]
    await media.reorder(staff(), product.id, { ids: [c.id, b.id, a.id] })
    await media.remove(staff(), product.id, a.id)
    expect(await primaries()).toEqual([{ id: c.id }])
    await Promise.all([c, b].map(({ id }) => media.remove(staff(), product.id, id)))
    expect(await countOf("media")).toBe(0)
    await expectWhole(product.id)
  })

  it("are neither videos nor frames of a spin where one is primary", async () => {
    const product = await make.product()
    const video = await add(product.id, {}, { kind: "mp4" })
    expect(video).toMatchObject({ kind: "video", is_primary: false, width: null, srcset: null })
    const frames = [
      await add(product.id, { kind: "spin" }),
      await add(product.id, { kind: "spin" }),
    ]
    expect(frames.map(({ kind, is_primary }) => [kind, is_primary])).toEqual([
      ["spin", false],
      ["spin", false],
    ])
    await expectWhole(product.id)
    const wish = media.update(staff(), product.id, video.id, { is_primary: true })
    await expect(wish).rejects.toMatchObject({ details: { errors: [{ field: "is_primary" }] } })
    const picture = await add(product.id)
    expect(picture.is_primary).toBe(true)
    await expectWhole(product.id)
  })

  it("go into the order that is asked for, all of them or none", async () => {
    const product = await make.product()
    const [a, b, c] = [await add(product.id), await add(product.id), await add(product.id)]
    const sorted = await media.reorder(staff(), product.id, { ids: [b.id, c.id, a.id] })
    expect(sorted.map(({ id, position }) => [id, position])).toEqual([
      [b.id, 1],
      [c.id, 2],
      [a.id, 3],
    ])
    expect((await media.list(staff(), product.id)).map(({ id }) => id)).toEqual([b.id, c.id, a.id])
    const other = await add((await make.product()).id)
    for (const ids of [
      [a.id, b.id],
      [a.id, b.id, c.id, c.id],
      [a.id, b.id, other.id],
    ])
      await expect(media.reorder(staff(), product.id, { ids })).rejects.toMatchObject({
        details: { errors: [{ field: "ids" }] },
      })
    expect((await media.list(staff(), product.id)).map(({ id }) => id)).toEqual([b.id, c.id, a.id])
  })

  it("come after the others also when the order is changed meanwhile", async () => {
    const product = await make.product()
    const [a, b] = [await add(product.id), await add(product.id)]
    await Promise.all([
      media.reorder(staff(), product.id, { ids: [b.id, a.id] }).catch(() => undefined),
      add(product.id),
    ])
    expect((await media.list(staff(), product.id)).at(-1)?.position).toBe(3)
  })

  it("show a variant, and the product again once that is taken out of sale", async () => {
    const product = await make.product({
      options: [{ name: "Size", values: ["S", "M"] }],
      variants: [
        { sku: "TEE-S", options: { Size: "S" } },
        { sku: "TEE-M", options: { Size: "M" } },
      ],
    })
    const image = await add(product.id, { variant_id: "TEE-M" })
    const shown = await catalog.get(staff(), product.id)
    expect(shown.variants.map(({ images }) => images.map(({ id }) => id))).toEqual([[], [image.id]])
    expect((await variants.get(staff(), product.id, "TEE-M")).images).toEqual([image])
    const other = await make.product()
    const foreign = uploads.add(staff(), other.id, upload({ variant_id: "TEE-M" }))
    await expect(foreign).rejects.toMatchObject({ details: { errors: [{ field: "variant_id" }] } })
    await variants.remove(staff(), product.id, "TEE-M")
    expect((await media.list(staff(), product.id))[0]?.variant_id).toBeNull()
  })

  it("are at most 250, however many come at once", async () => {
    const product = await make.product()
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 249)
       INSERT INTO media (id, product_id, key, content_type, bytes, alt_text, is_primary, position, created_at)
       SELECT 'm' || i, ?, 'k' || i, 'image/png', 1, '', 0, i, '' FROM n`,
    )
      .bind(product.id)
      .run()
    const results = await Promise.allSettled([1, 2, 3].map(() => add(product.id)))
    const codes = results.map((one) => (one.status === "fulfilled" ? "in" : one.reason.code))
    expect(codes.filter((code) => code === "in")).toHaveLength(1)
    expect(codes.filter((code) => code === "media-full")).toHaveLength(2)
    expect(await countOf("media")).toBe(250)
  })

  it("are stored under their product, with the type of their content", async () => {
    const product = await make.product()
    await add(product.id, {}, { kind: "webp" })
    const [object] = (await env.FILES.list({ include: ["httpMetadata"] })).objects
    expect(object?.key).toMatch(new RegExp(`^media/${product.id}/med_[0-9a-z]{26}\\.webp$`))
    expect(object?.httpMetadata?.contentType).toBe("image/webp")
    expect(await rows("SELECT content_type, bytes FROM media")).toEqual([
      { content_type: "image/webp", bytes: 64 },
    ])
  })

  it("are refused before anything is stored, with every field that does not hold", async () => {
    const product = await make.product()
    const refused = (fields: Record<string, string>, bytes?: ArrayBuffer) =>
      uploads.add(staff(), product.id, upload(fields, bytes)).then(
        () => [],
        (error) => (error.details.errors as { field: string }[]).map(({ field }) => field),
      )
    expect(await refused({}, bytesOf("svg"))).toEqual(["image"])
    expect(await refused({ kind: "film", is_primary: "maybe" })).toEqual(["is_primary", "kind"])
    expect(await refused({ kind: "video", variant_id: "nope" })).toEqual(["kind", "variant_id"])
    expect(await refused({ kind: "spin", is_primary: "true" })).toEqual(["is_primary"])
    expect(await refused({ alt_text: "x".repeat(301) })).toEqual(["alt_text"])
    await expect(add("nope")).rejects.toMatchObject({ code: "not-found" })
    const customer = await make.user()
    await expect(add(product.id, {}, { as: ctx({ as: customer }) })).rejects.toMatchObject({
      code: "forbidden",
    })
    expect(await countOf("media")).toBe(0)
    await expect.poll(objects).toEqual([])
    await expect.poll(() => countOf("loose_objects")).toBe(0)
  })

  it.each([
    ["a decompression bomb", { width: 50_000, height: 50_000 }],
    ["one that is long and thin", { width: 60_000, height: 10 }],
    ["one of no width", { width: 0, height: 10 }],
  ])("are refused when the header says that it is %s", async (_, size) => {
    const product = await make.product()
    const adding = uploads.add(staff(), product.id, upload({}, bytesOf("png", 64, size)))
    await expect(adding).rejects.toMatchObject({ details: { errors: [{ field: "image" }] } })
    expect(await objects()).toEqual([])
  })
})

describe("the objects behind pictures", () => {
  it("are never missing behind a row: what cannot be stored is not there", async () => {
    const product = await make.product()
    const broken = { put: () => Promise.reject(new Error("R2 is down")) } as unknown as R2Bucket
    const as = staff({ files: broken })
    await expect(uploads.add(as, product.id, upload())).rejects.toThrow("R2 is down")
    expect(await countOf("media")).toBe(0)
  })

  it("go with a removed picture, by its event", async () => {
    const product = await make.product()
    const as = staff({ events: silentQueue })
    const image = await uploads.add(as, product.id, upload())
    await media.remove(as, product.id, image.id)
    expect(await objects()).toHaveLength(1)
    await deliverAll("media.removed")
    expect(await objects()).toEqual([])
    expect(await countOf("loose_objects")).toBe(0)
    await deliverAll()
  })

  it("go by the sweep too, when the event is lost", async () => {
    const product = await make.product()
    const as = staff({ events: silentQueue })
    const image = await uploads.add(as, product.id, upload())
    await media.remove(as, product.id, image.id)
    await files.sweep(ctx())
    expect(await objects()).toEqual([])
  })

  it("stay marked, and go later, when R2 does not answer", async () => {
    const product = await make.product()
    const as = staff({ events: silentQueue })
    const image = await uploads.add(as, product.id, upload())
    await media.remove(as, product.id, image.id)
    const broken = { delete: () => Promise.reject(new Error("R2 is down")) } as unknown as R2Bucket
    await expect(files.sweep(ctx({ files: broken }))).rejects.toThrow("R2 is down")
    expect(await countOf("loose_objects")).toBe(1)
    await files.sweep(ctx())
    expect(await objects()).toEqual([])
  })

  it("go with their product, and stay while it is only archived", async () => {
    const [gone, kept] = [await make.product(), await make.product()]
    await add(gone.id)
    await add(gone.id)
    const image = await add(kept.id)
    await carts.addItem(ctx({ as: { type: "guest" } }), {
      product_id: kept.id,
      quantity: 1,
    } as Parameters<typeof carts.addItem>[1])
    await catalog.remove(staff({ events: silentQueue }), gone.id)
    await catalog.remove(staff({ events: silentQueue }), kept.id)
    await deliverAll()
    await files.sweep(ctx())
    expect(await objects()).toEqual([image.url.slice(1)])
    await expectWhole(kept.id)
  })

  it("go when the product is deleted while its picture is being uploaded", async () => {
    const product = await make.product()
    const as = staff()
    const racing: uploads.Upload = {
      file: once(bytesOf("png")),
      fields: async () => {
        await catalog.remove(staff(), product.id)
        return {}
      },
    }
    await expect(uploads.add(as, product.id, racing)).rejects.toMatchObject({ code: "not-found" })
    await as.settled()
    expect(await objects()).toEqual([])
    expect(await countOf("loose_objects")).toBe(0)
  })

  it("are swept a day after an upload that crashed before its row, and not before", async () => {
    const product = await make.product()
    const now = new Date("2026-03-01T12:00:00Z")
    // What a crash leaves: the object and the row that was written before it.
    await files.begin(ctx({ now }), `media/${product.id}/med_x.png`)
    await env.FILES.put(`media/${product.id}/med_x.png`, bytesOf("png"))
    expect(await objects()).toHaveLength(1)
    await files.sweep(ctx({ now: new Date("2026-03-02T11:59:59Z") }))
    expect(await objects()).toHaveLength(1)
    await files.sweep(ctx({ now: new Date("2026-03-02T12:00:00Z") }))
    expect(await objects()).toEqual([])
    expect(await countOf("loose_objects")).toBe(0)
  })

  it("are not named by a row that comes after the sweep", async () => {
    const product = await make.product()
    const as = staff({ now: new Date("2026-03-01T12:00:00Z") })
    const slow: uploads.Upload = {
      file: once(bytesOf("png")),
      fields: async () => {
        await files.sweep(ctx({ now: new Date("2026-03-03T12:00:00Z") }))
        return {}
      },
    }
    await expect(uploads.add(as, product.id, slow)).rejects.toMatchObject({ code: "unavailable" })
    expect(await countOf("media")).toBe(0)
    expect(await objects()).toEqual([])
  })

  it("are not named by a row that comes while the sweep removes them", async () => {
    const product = await make.product()
    const as = staff({ now: new Date("2026-03-01T12:00:00Z") })
    const broken = { delete: () => Promise.reject(new Error("R2 is down")) } as unknown as R2Bucket
    const slow: uploads.Upload = {
      file: once(bytesOf("png")),
      fields: async () => {
        const later = new Date("2026-03-03T12:00:00Z")
        await files.sweep(ctx({ now: later, files: broken })).catch(() => undefined)
        return {}
      },
    }
    await expect(uploads.add(as, product.id, slow)).rejects.toMatchObject({ code: "unavailable" })
    expect(await countOf("media")).toBe(0)
  })

  it("stay when the answer to the commit is lost", async () => {
    const product = await make.product()
    const as = staff()
    const { db } = as
    const forgetful = new Proxy(db, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== "function") return value
        if (name !== "batch") return value.bind(target)
        return async (all: unknown[]) => {
          await (value as (all: unknown[]) => Promise<unknown>).call(target, all)
          throw new Error("Network connection lost.")
        }
      },
    })
    await expect(uploads.add({ ...as, db: forgetful }, product.id, upload())).rejects.toThrow(
      "connection lost",
    )
    await as.settled()
    expect(await countOf("media")).toBe(1)
    await expectWhole(product.id)
  })

  it("are put together of pieces, as large as a video, none of them lost", async () => {
    const product = await make.product()
    const size = 12 * 1024 * 1024 + 5
    const bytes = new Uint8Array(bytesOf("mp4", size))
    for (let n = 64; n < size; n += 4093) bytes[n] = n % 251
    async function* trickle() {
      for (let at = 0; at < size; at += 70_001) yield bytes.subarray(at, at + 70_001)
    }
    const image = await uploads.add(staff(), product.id, {
      file: trickle(),
      fields: async () => ({}),
    })
    const stored = new Uint8Array((await (await env.FILES.get(image.url.slice(1)))?.arrayBuffer())!)
    expect(stored.length).toBe(size)
    expect(stored.every((byte, at) => byte === bytes[at])).toBe(true)
  })
})

describe("smaller pictures", () => {
  it("are offered where the zone makes them, never larger than the original", async () => {
    const as = staff()
    const on = { ...as, config: { ...as.config, imageTransformations: true } }
    const product = await make.product()
    const wide = upload({}, bytesOf("webp", 64, { width: 1000, height: 800 }))
    const { url, sizes, srcset } = await uploads.add(on, product.id, wide)
    const made = (width: number) =>
      `/cdn-cgi/image/width=${width},fit=scale-down,format=auto,metadata=none${url}`
    expect(sizes).toEqual({ thumbnail: made(160), medium: made(640), large: url })
    expect(srcset).toBe(`${made(160)} 160w, ${made(320)} 320w, ${made(640)} 640w, ${url} 1000w`)
    const video = await uploads.add(on, product.id, upload({}, bytesOf("webm")))
    expect(video).toMatchObject({ srcset: null, sizes: { thumbnail: video.url } })
  })

  it("are the original where it does not", async () => {
    const product = await make.product()
    const image = await uploads.add(
      staff(),
      product.id,
      upload({}, bytesOf("webp", 64, { width: 1000, height: 800 })),
    )
    expect(image.sizes).toEqual({ thumbnail: image.url, medium: image.url, large: image.url })
    expect(image.srcset).toBeNull()
  })
})
