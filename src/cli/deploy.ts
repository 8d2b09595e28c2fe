import { output, wrangler } from "./wrangler.ts"

/**
 * Deploys. Migrations go first, since the version that still runs must bear the new tables and the new one needs
 * them; except the first time, when it is the deploy that creates the database.
 */
const exists = await output(["d1", "info", "nexus", "--json"]).then(
  () => true,
  () => false,
)
const steps = [["d1", "migrations", "apply", "DB", "--remote"], ["deploy"]]

for (const step of exists ? steps : steps.toReversed()) {
  const code = await new Promise<number>((resolve) =>
    wrangler(step).on("close", (status) => resolve(status ?? 1)),
  )
  if (code !== 0) process.exit(code)
}
