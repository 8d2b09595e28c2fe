import { output, wrangler } from "./wrangler.ts"

/**
 * Deploys. Migrations go first, since the version that still runs must bear the new tables and the new one needs
 * them; except those of a database that is not there yet, for it is the deploy that creates it.
 */
const databases = [
  { binding: "DB", name: "nexus" },
  { binding: "SEARCH", name: "nexus-search" },
]
const looked = await Promise.all(
  databases.map(async (database) => {
    const exists = await output(["d1", "info", database.name, "--json"]).then(
      () => true,
      () => false,
    )
    return { ...database, exists }
  }),
)
const migrations = (there: boolean) =>
  looked
    .filter(({ exists }) => exists === there)
    .map(({ binding }) => ["d1", "migrations", "apply", binding, "--remote"])

for (const step of [...migrations(true), ["deploy"], ...migrations(false)]) {
  const code = await new Promise<number>((resolve) =>
    wrangler(step).on("close", (status) => resolve(status ?? 1)),
  )
  if (code !== 0) process.exit(code)
}
