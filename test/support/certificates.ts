import { generateKeyPairSync, type KeyObject, sign } from "node:crypto"

/** A DER element (X.690): tag, length, what is in it. */
function der(tag: number, ...parts: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)))
  const { length } = body
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}

const sequence = (...parts: Buffer[]) => der(0x30, ...parts)
const sha256WithRsa = sequence(Buffer.from("06092a864886f70d01010b", "hex"), der(0x05))
const nameOf = (commonName: string) =>
  sequence(der(0x31, sequence(Buffer.from("0603550403", "hex"), der(0x0c, commonName))))
/** GeneralizedTime where the year needs it (RFC 5280 §4.1.2.5). */
const timeOf = (at: Date) => {
  const text = `${at.toISOString().replace(/\D/g, "").slice(0, 14)}Z`
  return at.getUTCFullYear() < 2050 ? der(0x17, text.slice(2)) : der(0x18, text)
}

/** A certificate with its private key. */
export type Issued = { name: string; privateKey: KeyObject; pem: string }

/** An RSA key and its certificate (RFC 5280), signed by `issuer`, or by itself. */
export function issue({
  name,
  from,
  to,
  issuer,
  version = 3,
}: {
  name: string
  from: Date
  to: Date
  issuer?: Issued
  version?: 1 | 3
}): Issued {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const body = sequence(
    ...(version === 3 ? [der(0xa0, der(0x02, Buffer.from([2])))] : []),
    der(0x02, Buffer.from([1, 2, 3, 4])),
    sha256WithRsa,
    nameOf(issuer?.name ?? name),
    sequence(timeOf(from), timeOf(to)),
    nameOf(name),
    publicKey.export({ type: "spki", format: "der" }),
  )
  const signature = sign("sha256", body, issuer?.privateKey ?? privateKey)
  const whole = sequence(body, sha256WithRsa, der(0x03, Buffer.from([0]), signature))
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? []
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`
  return { name, privateKey, pem }
}
