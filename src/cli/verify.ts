import type { CheckResult, Verification } from "#modules/admin/model.ts"

import { asAdmin } from "./as-admin.ts"

/**
 * `npm run verify`: runs every check of GET /admin/verify to its end and prints each violation. Exit status 1 when there
 * is one. Which shop, and as whom: see `asAdmin`.
 */
const call = await asAdmin(process.argv.slice(2))
let violations = 0
for (const { name, title } of (await call<Verification>("GET", "admin/verify")).checks) {
  let checked = 0
  let found = 0
  for (let after: string | null = ""; after !== null;) {
    const query: string = `check=${name}&after=${encodeURIComponent(after)}`
    const [stretch]: CheckResult[] = (await call<Verification>("GET", `admin/verify?${query}`))
      .checks
    if (!stretch) break
    checked += stretch.checked
    found += stretch.violations.length
    for (const { subject, detail } of stretch.violations)
      console.error(`${name}: ${subject}: ${detail}`)
    after = stretch.next
  }
  console.log(`${found === 0 ? "holds " : "BROKEN"}  ${title} (${checked} looked at)`)
  violations += found
}
console.log(violations === 0 ? "The shop is sound." : `${violations} violations.`)
process.exitCode = violations === 0 ? 0 : 1
