import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { timed } from "#platform/meter.ts"

import type { ProductStock } from "./object.ts"

/** A stock object from afar: its methods, answering promises. */
export type RemoteStock = {
  [
    M in
      | "read"
      | "reserve"
      | "release"
      | "settle"
      | "cancel"
      | "takeBack"
      | "adjust"
      | "watch"
      | "movements"
      | "countMovements"
      | "audit"
      | "claims"
  ]: (...args: Parameters<ProductStock[M]>) => Promise<ReturnType<ProductStock[M]>>
}

/** Asks a product's stock object; what it takes counts as waiting for objects. */
export function at<T>(
  ctx: Ctx,
  productId: Id<"product">,
  call: (stub: RemoteStock) => Promise<T>,
): Promise<T> {
  // Workers' own type of a stub takes unions apart; what arrives is what was returned.
  const stub = ctx.stock.getByName(productId) as unknown as RemoteStock
  return timed(ctx.meter, "do", () => call(stub))
}
