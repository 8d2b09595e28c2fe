import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { output } from "./wrangler.ts"

/** What `wrangler deploy` would upload must stay below this: half of what start-up and the free plan bear. */
const mostKiB = 1024

const folder = mkdtempSync(join(tmpdir(), "nexus-"))
try {
  const said = await output(["deploy", "--dry-run", "--outdir", folder])
  const size = /gzip: ([\d.]+) KiB/.exec(said)?.[1]
  console.log(said.trim())
  if (size === undefined || Number(size) >= mostKiB) {
    console.error(
      `The bundle is ${size ?? "of unknown size"} KiB gzip; it must stay below ${mostKiB}.`,
    )
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true })
}
