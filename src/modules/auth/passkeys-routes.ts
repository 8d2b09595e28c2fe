import { z } from "zod"

import { paged } from "#http/paging.ts"
import { created, createRouter, json, none, ok, optionalJson, route } from "#http/router.ts"

import { Identity } from "./mfa-model.ts"
import { SignedIn } from "./model.ts"
import {
  CreationOptions,
  NewPasskey,
  Passkey,
  PasskeyBeginning,
  PasskeyLogin,
  PasskeyPage,
  PasskeyQuery,
  RequestOptions,
} from "./passkeys-model.ts"
import * as passkeys from "./passkeys.ts"

const tags = ["Passkeys"]

/** /auth/passkeys/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "post",
      path: "/auth/passkeys/options",
      tags,
      operationId: "beginPasskey",
      summary: "Begin to add a passkey",
      description:
        "Answers what `navigator.credentials.create()` takes; 5 minutes, one use. Needs a sign-in of the last 15 minutes, or the password (and a code, where the second factor is on).",
      access: "user",
      request: { body: optionalJson(PasskeyBeginning) },
      responses: ok(CreationOptions, "The options"),
    }),
    async (c) => c.json(await passkeys.begin(c.var.ctx, c.req.valid("json") ?? {}), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/passkeys",
      tags,
      operationId: "addPasskey",
      summary: "Add a passkey",
      description:
        "Takes what the browser made of the options. Its user must have been verified (PIN, finger, face).",
      access: "user",
      request: { body: json(NewPasskey) },
      responses: created(Passkey, "The passkey"),
      refuses: ["passkey-already-registered"],
    }),
    async (c) => c.json(await passkeys.add(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/auth/passkeys",
      tags,
      operationId: "listPasskeys",
      summary: "Your passkeys",
      description: "Oldest first; at most 20.",
      access: "user",
      request: { query: PasskeyQuery },
      responses: ok(PasskeyPage, "A page of passkeys"),
      refuses: ["invalid-page"],
    }),
    async (c) => c.json(paged(c, await passkeys.list(c.var.ctx, c.req.valid("query"))), 200),
  )
  .openapi(
    route({
      method: "delete",
      path: "/auth/passkeys/{id}",
      tags,
      operationId: "removePasskey",
      summary: "Remove a passkey",
      description: "Needs the password, and a code where the second factor is on.",
      access: "user",
      request: {
        params: z.object({
          id: z.string().max(1400).meta({ example: "4mWJ0S7mJm0u3l0rB3m0Yw" }),
        }),
        body: optionalJson(Identity),
      },
      responses: none("Removed"),
      refuses: ["not-found"],
    }),
    async (c) => {
      await passkeys.remove(c.var.ctx, c.req.valid("param").id, c.req.valid("json") ?? {})
      return c.body(null, 204)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/passkeys/login/options",
      tags,
      operationId: "beginPasskeyLogin",
      summary: "Begin to sign in with a passkey",
      description:
        "Answers what `navigator.credentials.get()` takes; 5 minutes, one use. It names no account: the browser offers the passkeys it has.",
      access: "open",
      responses: ok(RequestOptions, "The options"),
    }),
    async (c) => c.json(await passkeys.beginLogin(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/passkeys/login",
      tags,
      operationId: "loginWithPasskey",
      summary: "Sign in with a passkey",
      description:
        "A passkey is two factors in one, so no code is asked. Whatever does not fit answers alike.",
      access: "open",
      request: { body: json(PasskeyLogin) },
      responses: ok(SignedIn, "The account and its tokens"),
      refuses: ["passkey-not-valid", "wrong-credentials"],
    }),
    async (c) => c.json(await passkeys.login(c.var.ctx, c.req.valid("json")), 200),
  )
