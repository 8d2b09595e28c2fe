import { base64url, fromBase64url } from "#lib/secret.ts"

type Bytes = Uint8Array<ArrayBuffer>

/** What an answer says otherwise than an honest browser and device would. */
export type Twist = {
  origin?: string
  challenge?: string
  rpId?: string
  crossOrigin?: boolean
  isVerified?: boolean
  isPresent?: boolean
  counter?: number
  userHandle?: string
  type?: string
}

/** What is read of the options of either ceremony. */
type Offered = { challenge: string; rp?: { id: string }; rpId?: string; user?: { id: string } }

const utf8 = new TextEncoder()

/** CBOR of the few kinds that WebAuthn needs (RFC 8949): whole numbers, bytes, text, maps. */
function cbor(value: number | string | Bytes | Map<number | string, unknown>): Bytes {
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value)
  if (typeof value === "string") return join(head(3, utf8.encode(value).length), utf8.encode(value))
  if (value instanceof Uint8Array) return join(head(2, value.length), value)
  const pairs = [...value].flatMap(([key, inner]) => [
    cbor(key),
    cbor(inner as Parameters<typeof cbor>[0]),
  ])
  return join(head(5, value.size), ...pairs)
}

function head(major: number, n: number): Bytes {
  if (n < 24) return Uint8Array.of((major << 5) | n)
  if (n < 256) return Uint8Array.of((major << 5) | 24, n)
  return Uint8Array.of((major << 5) | 25, n >> 8, n & 255)
}

function join(...parts: Uint8Array[]): Bytes {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

async function digest(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
}

/** An ECDSA signature as ASN.1 DER, which WebAuthn wants; WebCrypto gives r and s side by side. */
function der(raw: Bytes): Bytes {
  const whole = [raw.slice(0, 32), raw.slice(32)].flatMap((half) => {
    const from = half.findIndex((byte) => byte !== 0)
    const digits = Array.from(half.subarray(from))
    const padded = (digits[0] ?? 0) > 127 ? [0, ...digits] : digits
    return [2, padded.length, ...padded]
  })
  return Uint8Array.of(0x30, whole.length, ...whole)
}

/** A passkey in software (ES256), in a browser at `origin`: what `navigator.credentials` would answer, as JSON. */
export async function newAuthenticator(origin = "http://localhost:8787") {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ])
  if (!("privateKey" in keys)) throw new Error("no pair of keys")
  const jwk = (await crypto.subtle.exportKey("jwk", keys.publicKey)) as JsonWebKey
  const id = crypto.getRandomValues(new Uint8Array(16))
  let counter = 0
  let userHandle = ""

  const clientData = (type: string, challenge: string, twist: Twist) =>
    utf8.encode(
      JSON.stringify({
        type: twist.type ?? type,
        challenge: twist.challenge ?? challenge,
        origin: twist.origin ?? origin,
        crossOrigin: twist.crossOrigin ?? false,
      }),
    ) as Bytes
  const authData = async (rpId: string, flags: number, twist: Twist, rest = new Uint8Array()) => {
    const present = (twist.isPresent ?? true) ? 0x01 : 0
    const verified = (twist.isVerified ?? true) ? 0x04 : 0
    const n = twist.counter ?? counter
    return join(
      await digest(utf8.encode(twist.rpId ?? rpId) as Bytes),
      Uint8Array.of(flags | present | verified, n >> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255),
      rest,
    )
  }
  const credential = (response: Record<string, unknown>) => ({
    id: base64url(id),
    rawId: base64url(id),
    type: "public-key",
    clientExtensionResults: {},
    authenticatorAttachment: "platform",
    response,
  })

  return {
    id: base64url(id),
    /** Makes the passkey: the answer to creation options. */
    async create(options: Offered, twist: Twist = {}) {
      userHandle = options.user?.id ?? ""
      const key = new Map<number, unknown>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, fromBase64url(jwk.x ?? "")],
        [-3, fromBase64url(jwk.y ?? "")],
      ])
      const attested = join(new Uint8Array(16), Uint8Array.of(0, id.length), id, cbor(key))
      const attestation = new Map<string, unknown>([
        ["fmt", "none"],
        ["attStmt", new Map()],
        ["authData", await authData(options.rp?.id ?? "", 0x40, twist, attested)],
      ])
      return credential({
        clientDataJSON: base64url(clientData("webauthn.create", options.challenge, twist)),
        attestationObject: base64url(cbor(attestation)),
        transports: ["internal"],
      })
    },
    /** Signs in with it: the answer to request options. Each time the counter grows by one. */
    async get(options: Offered, twist: Twist = {}) {
      counter += 1
      const data = clientData("webauthn.get", options.challenge, twist)
      const authenticatorData = await authData(options.rpId ?? "", 0, twist)
      const signed = join(authenticatorData, await digest(data))
      const raw = await crypto.subtle.sign(
        { name: "ECDSA", hash: "SHA-256" },
        keys.privateKey,
        signed,
      )
      return credential({
        clientDataJSON: base64url(data),
        authenticatorData: base64url(authenticatorData),
        signature: base64url(der(new Uint8Array(raw))),
        userHandle: twist.userHandle ?? userHandle,
      })
    },
  }
}
