import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"

import { writeAccounts } from "./accounts.ts"

const { values } = parseArgs({
  options: {
    email: { type: "string" },
    username: { type: "string" },
    password: { type: "string" },
    remote: { type: "boolean", default: false },
    "persist-to": { type: "string" },
  },
})

if (!values.email || !/^\S+@\S+\.\S+$/.test(values.email)) {
  console.error(
    "usage: npm run admin:create -- --email you@example.com [--username NAME] [--password TEXT] [--remote | --persist-to DIR]",
  )
  process.exit(2)
}

const password = values.password ?? randomBytes(18).toString("base64url")
if (Array.from(password.normalize("NFC")).length < 8) {
  console.error("A password has at least 8 characters.")
  process.exit(2)
}
const where = values.remote
  ? ["--remote"]
  : ["--local", ...(values["persist-to"] ? ["--persist-to", values["persist-to"]] : [])]
const username = values.username ?? values.email.split("@")[0] ?? "admin"
await writeAccounts(
  [{ email: values.email, username, password, role: "admin", firstName: "", lastName: "" }],
  where,
  true,
)
console.log(`${values.email} is an admin of the ${values.remote ? "deployed" : "local"} shop.`)
if (!values.password) console.log(`Password, shown this once: ${password}`)
