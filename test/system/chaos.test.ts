import { afterAll, expect, test } from "vitest"

import { cleanUp } from "../support/server.ts"
import { chaos } from "./chaos/chaos.ts"

afterAll(cleanUp)

test(
  "shoppers, staff, gateways that misbehave and a server that dies every few seconds leave nothing wrong",
  { timeout: 900_000 },
  async () => {
    const outcome = await chaos({
      orders: Number(process.env["CHAOS_ORDERS"] ?? 60),
      seed: Number(process.env["CHAOS_SEED"] ?? 7),
      shoppers: 8,
      killEveryMs: 4000,
      gateways: ["stripe", "paypal", "square", "fake"],
      log: () => {},
    })
    expect(outcome.wrong).toEqual([])
    expect(outcome.deaths).toBeGreaterThan(1)
    expect(outcome.orders).toBeGreaterThan(20)
    expect(outcome.done["pay"]).toBeGreaterThan(10)
    expect(outcome.done["receive"]).toBeGreaterThan(0)
  },
)
