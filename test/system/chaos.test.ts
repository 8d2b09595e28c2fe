import { afterAll, expect, test } from "vitest"

import { cleanUp } from "../support/server.ts"
import { chaos } from "./chaos/chaos.ts"

afterAll(cleanUp)

const orders = process.env["CHAOS_ORDERS"]

/** Takes ten minutes and more: `CHAOS_ORDERS=40 npm run test:system -- chaos`, or `npm run chaos`. */
test.skipIf(orders === undefined)(
  "shoppers, staff, gateways that misbehave and a server that dies every few seconds leave nothing wrong",
  { timeout: 900_000 },
  async () => {
    const outcome = await chaos({
      orders: Number(orders),
      seed: Number(process.env["CHAOS_SEED"] ?? 7),
      shoppers: 8,
      killEveryMs: 4000,
      gateways: ["fake"],
      log: () => {},
    })
    expect(outcome.wrong).toEqual([])
    expect(outcome.deaths).toBeGreaterThan(1)
    expect(outcome.orders).toBeGreaterThan(20)
    expect(outcome.done["pay"]).toBeGreaterThan(10)
    expect(outcome.done["receive"]).toBeGreaterThan(0)
  },
)
