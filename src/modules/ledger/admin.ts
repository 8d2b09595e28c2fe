import { paged } from "#http/paging.ts"
import { createRouter, ok, route } from "#http/router.ts"

import * as books from "./books.ts"
import { BalanceQuery, Balances, LedgerTransferPage, LedgerTransferQuery } from "./model.ts"

const tags = ["Ledger"]
const staff = { tags, access: "staff", scope: "orders:read" } as const

/** /admin/ledger/* */
export const admin = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/admin/ledger",
      ...staff,
      operationId: "getLedgerBalances",
      summary: "What each account of the books holds",
      description:
        "Double entry: what one account is given another one gives, so that per currency all come to zero. Kept with every transfer, so exact at every moment.",
      request: { query: BalanceQuery },
      responses: ok(Balances, "The accounts"),
    }),
    async (c) => c.json(await books.balances(c.var.ctx, c.req.valid("query")), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/admin/ledger/transfers",
      ...staff,
      operationId: "listLedgerTransfers",
      summary: "What was booked",
      description:
        "Newest first. Every order, payment, fee, refund, dispute, gift card and store credit is here; nothing is ever changed or deleted. Fields to order by: created_at.",
      request: { query: LedgerTransferQuery },
      responses: ok(LedgerTransferPage, "A page of transfers"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await books.transfers(c.var.ctx, c.req.valid("query"))), 200),
  )
