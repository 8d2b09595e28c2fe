import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

import { keepFilesInMemory } from "./test/support/memory.ts"

keepFilesInMemory()

/** What takes longest, and mostly waits, begins first. */
class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => moduleId.endsWith("chaos.test.ts")
    return Promise.resolve(files.toSorted((a, b) => Number(isLong(b)) - Number(isLong(a))))
  }
}

/** Whole-system tests: real servers over HTTP, which wait for each other more than they work: two files at a time. */
export default defineConfig({
  test: {
    name: "system",
    include: ["test/system/**/*.test.ts"],
    environment: "node",
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
})
