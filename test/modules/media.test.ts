import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import * as media from "#modules/catalog/media.ts"

import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { bytesOf } from "../support/pictures.ts"
import { countOf, rows } from "../support/shop.ts"

const add = (ref: string, over: Partial<media.Upload> = {}, as = ctx({ as: make.staff })) =>
  media.add(as, ref, { bytes: bytesOf("png"), altText: "", isPrimary: false, ...over })

describe("pictures of a product", () => {
  it("have one primary, the first until another is said to be", async () => {
    const product = await make.product()
    const first = await add(product.id)
    const second = await add(product.slug)
    expect([first.is_primary, second.is_primary]).toEqual([true, false])
    const third = await add(product.id, { isPrimary: true })
    expect(third.is_primary).toBe(true)
    expect(await rows("SELECT id FROM media WHERE is_primary = 1")).toEqual([{ id: third.id }])
    expect(await rows("SELECT image_key FROM products")).toEqual([
      { image_key: third.url.replace("/media/", "") },
    ])
  })

  it("have one primary also when several are the first at once", async () => {
    const product = await make.product()
    await Promise.all(Array.from({ length: 5 }, () => add(product.id)))
    expect(await countOf("media")).toBe(5)
    const primary = await rows("SELECT key FROM media WHERE is_primary = 1")
    expect(primary).toHaveLength(1)
    expect(await rows("SELECT image_key AS key FROM products")).toEqual(primary)
  })

  it("never have a row without bytes: what cannot be stored is not there", async () => {
    const product = await make.product()
    const files = { put: () => Promise.reject(new Error("R2 is down")) } as unknown as R2Bucket
    await expect(add(product.id, {}, ctx({ as: make.staff, files }))).rejects.toThrow("R2 is down")
    expect(await countOf("media")).toBe(0)
  })

  it("are stored under their product, with the type of their content", async () => {
    const product = await make.product()
    await add(product.id, { bytes: bytesOf("webp") })
    const [object] = (await env.FILES.list({ include: ["httpMetadata"] })).objects
    expect(object?.key).toMatch(new RegExp(`^media/${product.id}/med_[0-9a-z]{26}\\.webp$`))
    expect(object?.httpMetadata?.contentType).toBe("image/webp")
    expect(await rows("SELECT content_type, bytes FROM media")).toEqual([
      { content_type: "image/webp", bytes: 64 },
    ])
  })

  it("are refused before anything is stored", async () => {
    const product = await make.product()
    await expect(add(product.id, { bytes: bytesOf("svg") })).rejects.toMatchObject({
      code: "invalid-input",
      details: { errors: [{ field: "image" }] },
    })
    await expect(add("nope")).rejects.toMatchObject({ code: "not-found" })
    const customer = await make.user()
    await expect(add(product.id, {}, ctx({ as: customer }))).rejects.toMatchObject({
      code: "forbidden",
    })
    expect((await env.FILES.list()).objects).toEqual([])
  })
})
