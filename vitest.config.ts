import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers"
import { defineConfig } from "vitest/config"

import { newSecrets } from "./src/cli/secrets.ts"
import { keepFilesInMemory } from "./test/support/memory.ts"

keepFilesInMemory()

export default defineConfig({
  test: {
    // Cached modules go to workerd in one message, which with coverage is longer than the 32 MiB that it takes.
    fsModuleCache: false,
    // What a passing test makes the shop log is not news.
    silent: "passed-only",
    // Machines that run this are shared and slow at times; nothing here is judged by its duration.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    coverage: {
      provider: "istanbul",
      include: ["src/**/*.{ts,tsx}"],
      // The commands behind npm scripts run in Node beside the Worker: the system tests run them.
      exclude: ["src/cli/**"],
      reporter: ["text-summary", "html"],
      thresholds: { lines: 95, statements: 95, functions: 90, branches: 90 },
    },
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], environment: "node" },
      },
      {
        extends: true,
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                MIGRATIONS: await readD1Migrations("./migrations"),
                SEARCH_MIGRATIONS: await readD1Migrations("./migrations/search"),
                ENVIRONMENT: "development",
                RATE_LIMITS: "off",
                CORS_ORIGINS: "http://localhost:3000",
                FAKE_GATEWAY_URL: "http://fake-gateway.test",
                FAKE_GATEWAY_SECRET: "a secret of the fake gateway",
                ...newSecrets(),
              },
            },
          })),
        ],
        test: {
          name: "workers",
          include: ["test/{modules,http,objects,worker}/**/*.test.ts"],
          setupFiles: ["test/setup.ts"],
          // Emptying workerd's storage between tests may meet what an earlier test left running, if rarely.
          retry: 1,
          // What queues write after a file has ended has nobody to go to by way of vitest, and would fail the run.
          disableConsoleIntercept: true,
          isolate: false,
          maxWorkers: 2,
        },
      },
    ],
  },
})
