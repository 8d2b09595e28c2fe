/** What each kind of id starts with. */
const prefixes = {
  user: "usr",
  session: "ses",
  category: "cat",
  brand: "brd",
  product: "prd",
  variant: "var",
  media: "med",
  synonym: "syn",
  cart: "crt",
  cartLine: "lin",
  savedItem: "sav",
  abandonment: "abn",
  order: "ord",
  return: "ret",
  orderLine: "orl",
  orderNote: "not",
  fulfilment: "ful",
  event: "evt",
  mailedToken: "tok",
  apiKey: "key",
  audit: "aud",
  address: "adr",
  payment: "pay",
  refund: "rfd",
  reconciliation: "rcn",
  giftCard: "gft",
  creditEntry: "cre",
  promotion: "prm",
  taxRate: "txr",
  shippingZone: "zon",
  shippingMethod: "shm",
  import: "imp",
  exchangeRate: "fxr",
  priceList: "plt",
  plan: "pln",
  subscription: "sub",
} as const

export type IdKind = keyof typeof prefixes

declare const kind: unique symbol
/** An id of one kind: a product's does not fit where an order's is wanted. Opaque text on the wire. */
export type Id<K extends IdKind> = string & { readonly [kind]: K }

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

/**
 * A new id: prefix, 48 bits of `now` in ms, 80 random bits, in Crockford's base 32 (the ULID layout).
 * Sorts by creation as text, so that keyset pages can go by it.
 */
export function newId<K extends IdKind>(of: K, now: Date): Id<K> {
  return `${prefixes[of]}_${base32(BigInt(now.getTime()), 10)}${randomBase32(16)}` as Id<K>
}

/** What every id of a kind that is made from `at` on sorts after. */
export function idFloor<K extends IdKind>(of: K, at: Date): Id<K> {
  return `${prefixes[of]}_${base32(BigInt(at.getTime()), 10)}` as Id<K>
}

/** `length` random characters of Crockford's base 32, five bits each. */
export function randomBase32(length: number): string {
  return base32Of(crypto.getRandomValues(new Uint8Array(length)))
}

/** A character of Crockford's base 32 for each byte: its last five bits. */
export function base32Of(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => crockford[byte & 31]).join("")
}

function base32(value: bigint, length: number): string {
  let text = ""
  for (let rest = value; text.length < length; rest >>= 5n)
    text = crockford[Number(rest & 31n)] + text
  return text
}
