import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, join } from "node:path"

/** What the documentation pages load, from the npm packages; `.assets` is what wrangler.toml serves. */
const files = [
  "swagger-ui-dist/swagger-ui.css",
  "swagger-ui-dist/swagger-ui-bundle.js",
  "swagger-ui-dist/favicon-32x32.png",
  "redoc/bundles/redoc.standalone.js",
]

const require = createRequire(import.meta.url)
const folder = join(import.meta.dirname, "../../.assets/assets")

mkdirSync(folder, { recursive: true })
for (const file of files) {
  const [name = "", ...rest] = file.split("/")
  copyFileSync(
    join(require.resolve(`${name}/package.json`), "..", ...rest),
    join(folder, basename(file)),
  )
}

// ReDoc's one request to another host: the logo beside its credit, left out when it does not load.
const redoc = join(folder, "redoc.standalone.js")
const logo = "https://cdn.redoc.ly/redoc/logo-mini.svg"
writeFileSync(redoc, readFileSync(redoc, "utf8").replaceAll(logo, "data:,"))
