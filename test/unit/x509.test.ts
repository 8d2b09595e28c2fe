import { sign } from "node:crypto"

import { describe, expect, it } from "vitest"

import { isChain, isSigned, readPem } from "#lib/x509.ts"

import { type Issued, issue } from "../support/certificates.ts"

const now = new Date("2026-11-20T12:00:00Z")
const [from, to] = [new Date("2026-01-01T00:00:00Z"), new Date("2027-01-01T00:00:00Z")]
const root = issue({ name: "An authority", from, to })
const leaf = issue({ name: "shop.test", from, to, issuer: root })
const sha256WithRsa = "2a864886f70d01010b"

/** The same certificate with other bytes in it, as many. */
function changed({ pem }: Issued, before: string, after: string): string {
  const base64 = pem.replaceAll(/-----[A-Z ]+-----|\s/g, "")
  const der = Buffer.from(base64, "base64").toString("latin1").replaceAll(before, after)
  return pemOf(Buffer.from(der, "latin1"))
}

function pemOf(der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`
}

const isGood = (...pems: string[]) => isChain(readPem(pems.join("")), now)

describe("certificates", () => {
  it("are read in order, with who they are and how long they hold", () => {
    const old = new Date("1990-06-01T12:30:00Z")
    const far = new Date("2051-01-01T00:00:00Z")
    const first = issue({ name: "An old one", from: old, to: far })
    expect(readPem(first.pem + leaf.pem)).toMatchObject([
      { names: ["An old one"], notBefore: old, notAfter: far },
      { names: ["shop.test"], notBefore: from, notAfter: to },
    ])
    expect(readPem("no certificates")).toEqual([])
  })

  it("of version 1 are read as well", async () => {
    const first = issue({ name: "shop.test", from, to, issuer: root, version: 1 })
    expect(readPem(first.pem)[0]).toMatchObject({ names: ["shop.test"], notAfter: to })
    expect(await isGood(first.pem, root.pem)).toBe(true)
  })

  it("have the names of their subject that are common names, and no others", () => {
    // 2.5.4.3 is a common name, 2.5.4.11 the unit of an organization.
    expect(readPem(changed(leaf, "\x55\x04\x03", "\x55\x04\x0b"))[0]?.names).toEqual([])
  })

  it.each([
    ["holds", leaf.pem + root.pem, true],
    ["of one alone holds", leaf.pem, true],
    ["of none does not", "", false],
    ["whose first is another's does not", leaf.pem + issue({ name: "X", from, to }).pem, false],
    [
      "whose issuer has the same name and another key does not",
      leaf.pem + issue({ name: "An authority", from, to }).pem,
      false,
    ],
    ["with a changed name does not", changed(leaf, "shop.test", "evil.test") + root.pem, false],
    [
      "signed by an algorithm that nobody should use does not",
      // SHA-1 (…05) instead of SHA-256 (…0b).
      changed(leaf, "\x0d\x01\x01\x0b", "\x0d\x01\x01\x05") + root.pem,
      false,
    ],
    [
      "without a time that can be read does not",
      changed(leaf, "270101000000Z", "2701010000+01"),
      false,
    ],
  ])("in a chain that %s", async (_, pem, is) => {
    expect(await isGood(pem)).toBe(is)
  })

  it.each([
    ["nothing", Buffer.from("3000", "hex")],
    ["less than it says", Buffer.from("30820400", "hex")],
    ["a length without end", Buffer.from("30850000000001", "hex")],
    ["an empty certificate", Buffer.from("300930003005060355040300", "hex")],
  ])("that hold %s are none", (_, der) => {
    expect(() => readPem(pemOf(der))).toThrow(RangeError)
  })

  it("check what was signed by their key, by algorithms that hold", async () => {
    const [certificate] = readPem(leaf.pem)
    const data = new TextEncoder().encode("an order")
    const signature = sign("sha256", data, leaf.privateKey)
    const check = (algorithm: string, text = data) =>
      isSigned(certificate!, algorithm, new Uint8Array(signature), text)
    expect(await check(sha256WithRsa)).toBe(true)
    expect(await check(sha256WithRsa, new TextEncoder().encode("an 0rder"))).toBe(false)
    expect(await check("2a864886f70d01010c")).toBe(false)
    expect(await check("2a864886f70d010105")).toBe(false)
  })
})
