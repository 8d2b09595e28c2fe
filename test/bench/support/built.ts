import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { DatabaseSync } from "node:sqlite"

import { convertV4MiniflareOptions, Miniflare } from "miniflare"
import { unstable_getMiniflareWorkerOptions } from "wrangler"

import { writeAccounts } from "../../../src/cli/accounts.ts"
import { demoAccounts } from "../../../src/cli/demo.ts"
import { newSecrets } from "../../../src/cli/secrets.ts"
import { output } from "../../../src/cli/wrangler.ts"

const root = join(import.meta.dirname, "../../..")
const folders = new Set<string>()
let built: Promise<string> | undefined

process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

/** The shop as it would be deployed, running in workerd with nothing in front of it. */
export type Built = {
  /** `http://127.0.0.1:<port>` */
  base: string
  stop(): Promise<void>
}

type Options = {
  /** Where its state is kept: a new folder, deleted at the end, unless given. */
  persist?: string
  /** Settings over those of wrangler.toml; development without rate limits unless said otherwise. */
  vars?: Record<string, string>
  /** The demo accounts of `npm start`. */
  accounts?: boolean
  /** Writes straight into the main database, between the migrations and the start. */
  seed?: (db: DatabaseSync) => void
}

/** Builds the Worker as a deployment would (once in a process), migrates its database, and runs it under Miniflare. */
export async function startBuilt({
  persist = newFolder(),
  vars = {},
  accounts = false,
  seed,
}: Options = {}): Promise<Built> {
  const state = ["--local", "--persist-to", persist]
  built ??= build()
  const [folder] = await Promise.all([
    built,
    output(["d1", "migrations", "apply", "DB", ...state]).then(() =>
      accounts ? writeAccounts(demoAccounts, state, false) : undefined,
    ),
  ])
  if (seed) {
    const db = new DatabaseSync(databaseIn(persist))
    seed(db)
    db.close()
  }
  const { workerOptions } = unstable_getMiniflareWorkerOptions(join(root, "wrangler.toml"))
  const worker = {
    ...workerOptions,
    name: "nexus",
    rootPath: folder,
    modules: modulesOf(folder),
    modulesRoot: folder,
    bindings: {
      ...workerOptions.bindings,
      ...newSecrets(),
      ENVIRONMENT: "development",
      RATE_LIMITS: "off",
      ...vars,
    },
  }
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({ host: "127.0.0.1", port: 0, workers: [worker] }),
    resourcePersistencePath: join(persist, "v3"),
  })
  const { origin } = await miniflare.ready
  return { base: origin, stop: () => miniflare.dispose() }
}

/** The file of the main database in a folder of state: the only one that has products. */
function databaseIn(persist: string): string {
  const found = globSync(join(persist, "v3/d1/**/*.sqlite")).find((file) => {
    const db = new DatabaseSync(file, { readOnly: true })
    const tables = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'products'").all()
    db.close()
    return tables.length > 0
  })
  if (!found) throw new Error(`no database of the shop in ${persist}`)
  return found
}

function modulesOf(folder: string) {
  const wasm = globSync(join(folder, "*.wasm"))
  return [
    {
      type: "ESModule" as const,
      path: join(folder, "worker.js"),
      contents: readFileSync(join(folder, "worker.js"), "utf8"),
    },
    ...wasm.map((path) => ({
      type: "CompiledWasm" as const,
      path: join(folder, basename(path)),
      contents: readFileSync(path),
    })),
  ]
}

async function build(): Promise<string> {
  await import("../../../src/cli/assets.ts")
  const folder = newFolder()
  await output(["deploy", "--dry-run", "--outdir", folder])
  return folder
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "nexus-bench-"))
  folders.add(folder)
  return folder
}
