import { vi } from "vitest"

/** Tries until it does not throw: what the shop does after its answers takes as long as the machine takes. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000, interval: 50 })
}
