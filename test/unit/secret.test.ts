import fc from "fast-check"
import { describe, expect, it, test } from "vitest"

import { base64url, fromBase64url, hmac, randomToken, seal, sha256, unseal } from "#lib/secret.ts"

describe("hashes", () => {
  test.each([
    // FIPS 180-4, the examples for SHA-256
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ])("SHA-256 of %j is the standard's", async (text, hash) => {
    expect(await sha256(text)).toBe(hash)
  })

  it("HMAC is that of RFC 4231, test case 2", async () => {
    const expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    const mac = fromBase64url(await hmac("Jefe", "what do ya want for nothing?"))
    expect(Buffer.from(mac).toString("hex")).toBe(expected)
  })

  it("HMAC is the same for the same, and another for another secret or text", async () => {
    const mac = await hmac("secret", "text")
    expect(await hmac("secret", "text")).toBe(mac)
    expect(await hmac("other", "text")).not.toBe(mac)
    expect(await hmac("secret", "other")).not.toBe(mac)
  })
})

describe("a random token", () => {
  it("is 32 bytes unless asked otherwise, in URL letters", () => {
    expect(randomToken()).toMatch(/^[\w-]{43}$/)
    expect(fromBase64url(randomToken(16))).toHaveLength(16)
  })

  it("is another one each time", () => {
    expect(new Set(Array.from({ length: 1000 }, () => randomToken())).size).toBe(1000)
  })
})

describe("base64url", () => {
  test.each([
    [[], ""],
    [[0xfb, 0xff, 0xfe], "-__-"],
    // RFC 4648 §10, without padding
    [[0x66], "Zg"],
    [[0x66, 0x6f], "Zm8"],
    [[0x66, 0x6f, 0x6f], "Zm9v"],
  ])("of %j is %j", (bytes, text) => {
    expect(base64url(new Uint8Array(bytes))).toBe(text)
    expect([...fromBase64url(text)]).toEqual(bytes)
  })

  it("comes back as the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect([...fromBase64url(base64url(bytes))]).toEqual([...bytes])
      }),
      { numRuns: 10_000 },
    )
  })

  it.each(["a", "!!!!", "é"])("%j is none", (text) => {
    expect(() => fromBase64url(text)).toThrow(
      expect.objectContaining({ name: "InvalidCharacterError" }),
    )
  })
})

describe("a sealed text", () => {
  const refusal = { name: "OperationError" }

  it("opens with its secret and label", async () => {
    const text = '{"access":"a token","name":"Zoë"}'
    const sealed = await seal(text, "secret", "label")
    expect(sealed).toMatch(/^[\w-]{16}\.[\w-]+$/)
    expect(await unseal(sealed, "secret", "label")).toBe(text)
    expect(await unseal(await seal("", "secret", "label"), "secret", "label")).toBe("")
  })

  it("looks another way each time", async () => {
    expect(await seal("text", "secret", "label")).not.toBe(await seal("text", "secret", "label"))
  })

  it("does not open with another secret or label", async () => {
    const sealed = await seal("text", "secret", "label")
    await expect(unseal(sealed, "other", "label")).rejects.toMatchObject(refusal)
    await expect(unseal(sealed, "secret", "other")).rejects.toMatchObject(refusal)
  })

  it("does not open when a single bit of it was changed", async () => {
    const [iv = "", body = ""] = (await seal("text", "secret", "label")).split(".")
    const flipped = (part: string, at: number) => {
      const bytes = fromBase64url(part)
      bytes[at]! ^= 1
      return base64url(bytes)
    }
    for (let at = 0; at < 12; at++)
      await expect(unseal(`${flipped(iv, at)}.${body}`, "secret", "label")).rejects.toMatchObject(
        refusal,
      )
    for (let at = 0; at < 20; at++)
      await expect(unseal(`${iv}.${flipped(body, at)}`, "secret", "label")).rejects.toMatchObject(
        refusal,
      )
  })

  it.each(["", ".", "abc", "AAAA.AAAA"])("%j is none", async (sealed) => {
    await expect(unseal(sealed, "secret", "label")).rejects.toMatchObject(refusal)
  })
})
