import { paged } from "#http/paging.ts"
import { createRouter, json, ok, route } from "#http/router.ts"

import * as giftCards from "./gift-cards.ts"
import { BalanceQuestion, CreditEntryQuery, GiftCardBalance, StoreCredit } from "./model.ts"
import * as storeCredit from "./store-credit.ts"

const tags = ["Gift cards and store credit"]

/** POST /gift-cards/balance, /users/me/store-credit */
export const routes = createRouter()
  .openapi(
    route({
      method: "post",
      path: "/gift-cards/balance",
      tags,
      access: "public",
      operationId: "getGiftCardBalance",
      summary: "What a gift card has left",
      description:
        "For whoever knows its code: letters of any case, with or without hyphens. Twenty tries a minute.",
      request: { body: json(BalanceQuestion) },
      responses: ok(GiftCardBalance, "What it has"),
      refuses: ["not-found"],
    }),
    async (c) => c.json(await giftCards.balance(c.var.ctx, c.req.valid("json").code), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/users/me/store-credit",
      tags,
      access: "user",
      operationId: "getStoreCredit",
      summary: "Your store credit",
      description:
        "What you have, by currency, and every movement of it, the newest first. Order with `use_store_credit`.",
      request: { query: CreditEntryQuery },
      responses: ok(StoreCredit, "Balances, and a page of movements"),
      refuses: ["invalid-page"],
    }),
    async (c) => {
      const { balances, page } = await storeCredit.mine(c.var.ctx, c.req.valid("query"))
      return c.json({ balances, ...paged(c, page) }, 200)
    },
  )
