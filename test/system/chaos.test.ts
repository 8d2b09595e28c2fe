import { afterAll, expect, test } from "vitest"

import { cleanUp } from "../support/server.ts"
import { chaos } from "./chaos/chaos.ts"

afterAll(cleanUp)

/** Small: `npm run chaos` does the same at any size. */
test(
  "shoppers, staff, gateways that misbehave and a server that dies every few seconds leave nothing wrong",
  { timeout: 900_000 },
  async () => {
    const outcome = await chaos({
      orders: 32,
      seed: 7,
      shoppers: 8,
      killEveryMs: 3000,
      gateways: ["fake", "stripe", "paypal", "square"],
      log: () => {},
    })
    expect(outcome.wrong).toEqual([])
    expect(outcome.deaths).toBeGreaterThan(0)
    expect(outcome.orders).toBeGreaterThanOrEqual(32)
    expect(outcome.done["pay"]).toBeGreaterThan(5)
  },
)
