import { defineConfig } from "drizzle-kit"

export default defineConfig({
  dialect: "sqlite",
  casing: "snake_case",
  schema: ["./src/modules/*/tables.ts", "./src/platform/tables.ts"],
  out: "./migrations",
})
