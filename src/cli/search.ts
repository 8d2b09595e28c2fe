import { setTimeout as sleep } from "node:timers/promises"

import type { IndexStatus } from "#modules/search/model.ts"

import { asAdmin } from "./as-admin.ts"

/**
 * `npm run search:rebuild`: builds the search index anew beside the live one, and waits until it is searched. Which
 * shop, and as whom: see `asAdmin`.
 */
const call = await asAdmin(process.argv.slice(2))
let now = await call<IndexStatus>("POST", "admin/search/rebuild", {})
while (now.status === "building") {
  await sleep(1000)
  now = await call<IndexStatus>("GET", "admin/search/rebuild")
  console.log(`${now.indexed} products`)
}
console.log("The new index is searched.")
