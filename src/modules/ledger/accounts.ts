/**
 * The accounts of the books. `gateway:<provider>`: what lies at an outside party; `cash`: paid by transfer or at the
 * door; `receivable`: what customers owe, below zero what they are owed; `refunds-in-flight`: on its way back,
 * `disputes`: held back by banks until they decide; `gift-cards`, `store-credit`: what the shop owes in goods; `sales`
 * (net of discounts and tax), `shipping` (net of tax), `tax`; `goodwill`: what is given away as such credit; `fees`: what outside parties keep; `write-offs`: what is
 * lost for good; `suspense`: money that nobody knows the order of.
 */
export const accounts = [
  "receivable",
  "cash",
  "refunds-in-flight",
  "disputes",
  "gift-cards",
  "store-credit",
  "goodwill",
  "sales",
  "shipping",
  "tax",
  "fees",
  "write-offs",
  "suspense",
] as const

/** An account of the books. */
export type Account = (typeof accounts)[number] | `gateway:${string}`
