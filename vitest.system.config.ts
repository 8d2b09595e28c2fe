import { defineConfig } from "vitest/config"

import { keepFilesInMemory } from "./test/support/memory.ts"

keepFilesInMemory()

/** Whole-system tests: real servers over HTTP, which wait for each other more than they work: two files at a time. */
export default defineConfig({
  test: {
    name: "system",
    include: ["test/system/**/*.test.ts"],
    environment: "node",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
})
