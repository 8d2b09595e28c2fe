import { z } from "zod"

import { versioned } from "#http/etag.ts"
import { paged } from "#http/paging.ts"
import { created, createRouter, json, ok, route } from "#http/router.ts"

import * as giftCards from "./gift-cards.ts"
import {
  CreditAdjustment,
  CreditEntryPage,
  CreditEntryQuery,
  GiftCard,
  GiftCardChanges,
  GiftCardPage,
  GiftCardQuery,
  GiftCardRef,
  IssuedGiftCard,
  NewGiftCard,
  StoreCredit,
  StoreCreditAdjustment,
  StoreCreditBalance,
  UserRef,
} from "./model.ts"
import * as storeCredit from "./store-credit.ts"

const tags = ["Gift cards and store credit"]
const params = z.object({ card: GiftCardRef })
const ofUser = z.object({ user: UserRef })
const reads = { tags, access: "staff", scope: "orders:read" } as const
const writes = { tags, access: "staff", scope: "orders:write" } as const

/** /admin/gift-cards, /admin/users/{user}/store-credit */
export const admin = createRouter()
  .openapi(
    route({
      ...reads,
      method: "get",
      path: "/admin/gift-cards",
      operationId: "listGiftCards",
      summary: "List the gift cards",
      description: "The newest first. Field to order by: created_at.",
      request: { query: GiftCardQuery },
      responses: ok(GiftCardPage, "A page of gift cards"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await giftCards.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      ...writes,
      method: "post",
      path: "/admin/gift-cards",
      operationId: "issueGiftCard",
      summary: "Make a gift card",
      description:
        "Its `code` is in this answer and in the mail to `recipient_email`, and nowhere else: the shop keeps its hash.",
      request: { body: json(NewGiftCard) },
      responses: created(IssuedGiftCard, "The gift card, with its code"),
    }),
    async (c) => c.json(await giftCards.issue(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      ...reads,
      method: "get",
      path: "/admin/gift-cards/{card}",
      operationId: "getGiftCard",
      summary: "Open a gift card",
      description: "What is left on it, and whether it can be used.",
      request: { params },
      responses: ok(GiftCard, "The gift card"),
      refuses: ["not-found"],
    }),
    async (c) =>
      c.json(versioned(c, await giftCards.get(c.var.ctx, c.req.valid("param").card)), 200),
  )
  .openapi(
    route({
      ...writes,
      method: "patch",
      path: "/admin/gift-cards/{card}",
      operationId: "updateGiftCard",
      summary: "Disable a gift card, or move its end",
      description:
        "A disabled or expired card pays nothing; what it paid comes back to it all the same. Audited.",
      versioned: true,
      request: { params, body: json(GiftCardChanges) },
      responses: ok(GiftCard, "The gift card as it is now"),
      refuses: ["not-found"],
    }),
    async (c) => {
      const { card } = c.req.valid("param")
      const changed = await giftCards.update(c.var.ctx, card, c.req.valid("json"))
      return c.json(versioned(c, changed), 200)
    },
  )
  .openapi(
    route({
      ...writes,
      method: "post",
      path: "/admin/gift-cards/{card}/adjust",
      operationId: "adjustGiftCard",
      summary: "Add to a gift card, or take off it",
      description: "`delta` with a minus takes away, at most what is there. Audited.",
      versioned: true,
      request: { params, body: json(CreditAdjustment) },
      responses: ok(GiftCard, "The gift card as it is now"),
      refuses: ["not-found", "credit-changed"],
    }),
    async (c) => {
      const { card } = c.req.valid("param")
      const changed = await giftCards.adjust(c.var.ctx, card, c.req.valid("json"))
      return c.json(versioned(c, changed), 200)
    },
  )
  .openapi(
    route({
      ...reads,
      method: "get",
      path: "/admin/gift-cards/{card}/entries",
      operationId: "listGiftCardEntries",
      summary: "How a gift card came to what it has",
      description: "Every movement of it, the newest first.",
      request: { params, query: CreditEntryQuery },
      responses: ok(CreditEntryPage, "A page of movements"),
      refuses: ["not-found", "invalid-page"],
    }),
    async (c) => {
      const { card } = c.req.valid("param")
      return c.json(paged(c, await giftCards.entries(c.var.ctx, card, c.req.valid("query"))), 200)
    },
  )
  .openapi(
    route({
      ...reads,
      method: "get",
      path: "/admin/users/{user}/store-credit",
      operationId: "getUserStoreCredit",
      summary: "An account's store credit",
      description: "As its owner sees it.",
      request: { params: ofUser, query: CreditEntryQuery },
      responses: ok(StoreCredit, "Balances, and a page of movements"),
      refuses: ["not-found", "invalid-page"],
    }),
    async (c) => {
      const { user } = c.req.valid("param")
      const { balances, page } = await storeCredit.of(c.var.ctx, user, c.req.valid("query"))
      return c.json({ balances, ...paged(c, page) }, 200)
    },
  )
  .openapi(
    route({
      ...writes,
      method: "post",
      path: "/admin/users/{user}/store-credit/adjust",
      operationId: "adjustStoreCredit",
      summary: "Give store credit, or take it away",
      description: "`delta` with a minus takes away, at most what is there. Audited.",
      request: { params: ofUser, body: json(StoreCreditAdjustment) },
      responses: ok(StoreCreditBalance, "What the account has now"),
      refuses: ["not-found", "credit-changed"],
    }),
    async (c) => {
      const { user } = c.req.valid("param")
      return c.json(await storeCredit.adjust(c.var.ctx, user, c.req.valid("json")), 200)
    },
  )
