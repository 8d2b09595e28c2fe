import { setTimeout } from "node:timers/promises"

import type { Finding, Reconciliation } from "#modules/payments/reconcile-model.ts"

import { asAdmin } from "./as-admin.ts"

/**
 * `npm run reconcile`: compares payments with the gateways and prints what was found. Exit status 1 when something is
 * left to people. Which shop, and as whom: see `asAdmin`.
 */
const call = await asAdmin(process.argv.slice(2))
type Findings = { results: Finding[]; next_cursor: string | null }

let run = await call<Reconciliation>("POST", "admin/payments/reconcile", {})
while (run.status === "running") {
  await setTimeout(1000)
  run = await call<Reconciliation>("GET", `admin/payments/reconciliations/${run.id}`)
}
for (let cursor: string | null = ""; cursor !== null;) {
  const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`
  const page: Findings = await call<Findings>(
    "GET",
    `admin/payments/reconciliations/${run.id}/findings?limit=100${query}`,
  )
  for (const { outcome, kind, provider, payment, refund, transaction_id, detail } of page.results)
    console.log(`${outcome} ${kind} ${provider} ${refund ?? payment ?? transaction_id}: ${detail}`)
  cursor = page.next_cursor
}
console.log(`${run.checked} compared, ${run.repaired} mended, ${run.open} left to people.`)
process.exitCode = run.open === 0 && run.status === "done" ? 0 : 1
