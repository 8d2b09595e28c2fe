import { defineConfig } from "vitest/config"

import { keepFilesInMemory } from "./test/support/memory.ts"

keepFilesInMemory()

/** Whole-system tests: a real server over HTTP, so one file at a time. */
export default defineConfig({
  test: {
    name: "system",
    include: ["test/system/**/*.test.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
})
