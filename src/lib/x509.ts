/** What is read of an X.509 certificate (RFC 5280 §4.1): enough to check signatures by it, and who signed it. */
export type Certificate = {
  /** Common names of the subject. */
  names: string[]
  notBefore: Date
  notAfter: Date
  /** The public key (SubjectPublicKeyInfo), as WebCrypto imports it. */
  publicKey: Bytes
  /** Names in DER: equal when they are the same. */
  subject: Bytes
  issuer: Bytes
  /** What the issuer signed, its signature, and the algorithm as an object identifier in hex. */
  signed: Bytes
  signature: Bytes
  algorithm: string
}
type Bytes = Uint8Array<ArrayBuffer>

/** A DER element (X.690): its tag, what is in it, and the whole of it. */
type Element = { tag: number; body: Bytes; whole: Bytes }

/** Hash by the object identifier of PKCS #1 signature algorithms (RFC 8017). */
const rsaHashes: Record<string, string> = {
  "2a864886f70d01010b": "SHA-256",
  "2a864886f70d01010c": "SHA-384",
  "2a864886f70d01010d": "SHA-512",
}

/** The certificates of a PEM text, in order. @throws RangeError for anything else */
export function readPem(pem: string): Certificate[] {
  const blocks = pem.matchAll(
    /-----BEGIN CERTIFICATE-----([\sA-Za-z0-9+/=]+?)-----END CERTIFICATE-----/g,
  )
  return [...blocks].map(([, base64 = ""]) =>
    readDer(Uint8Array.from(atob(base64.replaceAll(/\s/g, "")), (char) => char.charCodeAt(0))),
  )
}

function readDer(der: Bytes): Certificate {
  const [certificate] = elements(der)
  const [signed, algorithm, signature] = elements(part(certificate).body)
  const fields = elements(part(signed).body)
  // The version, explicitly tagged, is absent in version 1.
  const [, , issuer, validity, subject, publicKey] =
    fields[0]?.tag === 0xa0 ? fields.slice(1) : [undefined, ...fields].slice(1)
  const [notBefore, notAfter] = elements(part(validity).body)
  return {
    names: namesOf(part(subject)),
    notBefore: timeOf(part(notBefore)),
    notAfter: timeOf(part(notAfter)),
    publicKey: part(publicKey).whole,
    subject: part(subject).whole,
    issuer: part(issuer).whole,
    signed: part(signed).whole,
    // A bit string says first how many of its last bits are unused: none.
    signature: part(signature).body.slice(1),
    algorithm: hex(part(elements(part(algorithm).body)[0]).body),
  }
}

/** @throws RangeError where the certificate ends too early */
function part(element: Element | undefined): Element {
  if (!element) throw new RangeError("no certificate")
  return element
}

function elements(der: Bytes): Element[] {
  const all: Element[] = []
  for (let at = 0; at < der.length;) {
    const [tag = 0, first = 0] = der.slice(at, at + 2)
    const size = first < 0x80 ? 0 : first & 0x7f
    const length =
      size === 0
        ? first
        : der.slice(at + 2, at + 2 + size).reduce((sum, byte) => sum * 256 + byte, 0)
    const begin = at + 2 + size
    const end = begin + length
    if (size > 4 || end > der.length) throw new RangeError("no certificate")
    all.push({ tag, body: der.slice(begin, end), whole: der.slice(at, end) })
    at = end
  }
  return all
}

/** The common names (2.5.4.3) of a distinguished name. */
function namesOf(name: Element): string[] {
  return elements(name.body)
    .flatMap(({ body }) => elements(body))
    .flatMap(({ body }) => {
      const [type, value] = elements(body)
      return type && value && hex(type.body) === "550403"
        ? [new TextDecoder().decode(value.body)]
        : []
    })
}

/** UTCTime (two digits of the year: 1950 to 2049) or GeneralizedTime (RFC 5280 §4.1.2.5). */
function timeOf({ tag, body }: Element): Date {
  const text = new TextDecoder().decode(body)
  const century = tag === 0x17 ? (Number(text.slice(0, 2)) < 50 ? "20" : "19") : ""
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text) ?? []
  const [year = "", month, day, hour, minute, second] = parts
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

function hex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

/**
 * Whether certificates are a chain, each signed by the next with RSA (PKCS #1 v1.5), and all are valid at `now`. Who
 * may have signed the last one is for whoever asks to know.
 */
export async function isChain(chain: readonly Certificate[], now: Date): Promise<boolean> {
  for (const [index, one] of chain.entries()) {
    if (!(one.notBefore <= now && now <= one.notAfter)) return false
    const issuer = chain[index + 1]
    if (issuer && hex(issuer.subject) !== hex(one.issuer)) return false
    if (issuer && !(await isSigned(issuer, one.algorithm, one.signature, one.signed))) return false
  }
  return chain.length > 0
}

/** Whether `data` was signed with the key of a certificate. `algorithm`: of PKCS #1, as an object identifier in hex. */
export async function isSigned(
  { publicKey }: Certificate,
  algorithm: string,
  signature: BufferSource,
  data: BufferSource,
): Promise<boolean> {
  const hash = rsaHashes[algorithm]
  if (hash === undefined) return false
  const name = "RSASSA-PKCS1-v1_5"
  const key = await crypto.subtle.importKey("spki", publicKey, { name, hash }, false, ["verify"])
  return crypto.subtle.verify(name, key, signature, data)
}
