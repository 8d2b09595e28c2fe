import { type KeyObject, generateKeyPairSync, randomBytes, sign } from "node:crypto"

/** A DER element (X.690): tag, length, what is in it. */
function der(tag: number, ...parts: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)))
  const { length } = body
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}

const sequence = (...parts: Buffer[]) => der(0x30, ...parts)
const sha256WithRsa = sequence(Buffer.from("06092a864886f70d01010b", "hex"), der(0x05))
const name = sequence(
  der(
    0x31,
    sequence(Buffer.from("0603550403", "hex"), der(0x0c, "messageverificationcerts.paypal.com")),
  ),
)

function time(at: Date): Buffer {
  return der(0x17, `${at.toISOString().replace(/\D/g, "").slice(2, 14)}Z`)
}

/** An RSA key and its self-signed certificate (RFC 5280), good for a year, as PayPal's webhooks are signed with. */
export function newCertificate(): { privateKey: KeyObject; pem: string } {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const now = Date.now()
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    sha256WithRsa,
    name,
    sequence(time(new Date(now - 86_400_000)), time(new Date(now + 365 * 86_400_000))),
    name,
    publicKey.export({ type: "spki", format: "der" }),
  )
  const signature = sign("sha256", body, privateKey)
  const whole = sequence(body, sha256WithRsa, der(0x03, Buffer.from([0]), signature))
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? []
  return {
    privateKey,
    pem: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
  }
}
