import { created, createRouter, json, route } from "#http/router.ts"
import { NewRefund, RefundsMade } from "#modules/payments/model.ts"

import * as refundRequests from "./refund-requests.ts"

/** /payments/refunds */
export const routes = createRouter().openapi(
  route({
    method: "post",
    path: "/payments/refunds",
    tags: ["Payments"],
    access: "staff",
    scope: "orders:write",
    operationId: "refundPayment",
    summary: "Give money back",
    description:
      "Of a payment, or of an order's payments, the newest first: all that is left, `amount` of it, or what was paid for `lines`, discount and tax in proportion. However many at once, never more than was paid; and in however many pieces, the parts add up to the whole. What a gift card or store credit paid is there again at once; `to: store_credit` gives the account credit whatever it was paid by.",
    request: { body: json(NewRefund) },
    responses: created(RefundsMade, "The refunds"),
    refuses: [
      "not-found",
      "refund-too-large",
      "store-credit-unavailable",
      "not-returnable",
      "store-credit-unavailable",
      "order-changed",
      "payment-changed",
    ],
  }),
  async (c) => c.json(await refundRequests.create(c.var.ctx, c.req.valid("json")), 201),
)
