import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
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

/** ReDoc's one request to another host: the logo beside its credit, left out when it does not load. */
const logo = "https://cdn.redoc.ly/redoc/logo-mini.svg"

mkdirSync(folder, { recursive: true })
for (const file of files) {
  const [name = "", ...rest] = file.split("/")
  const given = readFileSync(join(require.resolve(`${name}/package.json`), "..", ...rest))
  const isScript = file.endsWith(".js")
  put(
    join(folder, basename(file)),
    isScript ? Buffer.from(given.toString().replaceAll(logo, "data:,")) : given,
  )
}

/** Writes a file that is not so already, at once: a shop that serves it starts anew whenever one changes. */
function put(path: string, content: Buffer): void {
  if (existsSync(path) && readFileSync(path).equals(content)) return
  const fresh = `${path}.${process.pid}`
  writeFileSync(fresh, content)
  renameSync(fresh, path)
}
