import { z } from "zod"

import { created, createRouter, json, ok, optionalJson, route } from "#http/router.ts"

import * as auth from "./auth.ts"
import { MfaRequired } from "./mfa-model.ts"
import {
  AuthStatus,
  Credentials,
  LogoutRequest,
  Message,
  RefreshRequest,
  Registration,
  SignedIn,
  Tokens,
  VerifyRequest,
} from "./model.ts"

const tags = ["Authentication"]

/** /auth/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "post",
      path: "/auth/register",
      tags,
      operationId: "register",
      summary: "Open an account",
      description:
        "Opens a customer's account and signs it in. Without `username` the account gets the e-mail's local part, with a number where that is taken.",
      access: "open",
      request: { body: json(Registration) },
      responses: created(SignedIn, "The account and its first tokens"),
    }),
    async (c) => c.json(await auth.register(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/login",
      tags,
      operationId: "login",
      summary: "Sign in",
      description:
        "An unknown account, a wrong password and a closed account answer alike. An account with a second factor gets `mfa_required` and a `mfa_token` for /auth/mfa/challenge instead of tokens.",
      access: "open",
      request: { body: json(Credentials) },
      responses: ok(
        z.union([SignedIn, MfaRequired]),
        "The account and its tokens, or what the second step needs",
      ),
      refuses: ["wrong-credentials"],
    }),
    async (c) => c.json(await auth.login(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/refresh",
      tags,
      operationId: "refreshTokens",
      summary: "Get the next pair of tokens",
      description:
        "A refresh token works once. Used again it ends its session, except that for 10 s the one just used gets the same successor again: the first answer may have been lost.",
      access: "open",
      request: { body: json(RefreshRequest) },
      responses: ok(Tokens, "The next pair"),
      refuses: ["token-not-valid", "token-reused"],
    }),
    async (c) => c.json(await auth.refresh(c.var.ctx, c.req.valid("json").refresh), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/verify",
      tags,
      operationId: "verifyToken",
      summary: "Check an access token",
      description:
        "Answers an empty object when the token is ours, has not expired, and its session lives.",
      access: "open",
      request: { body: json(VerifyRequest) },
      responses: ok(z.object({}), "It holds"),
      refuses: ["token-not-valid"],
    }),
    async (c) => c.json(await auth.verify(c.var.ctx, c.req.valid("json").token), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/logout",
      tags,
      operationId: "logout",
      summary: "Sign out",
      description:
        "Ends this session: its refresh token at once, its access token everywhere within 60 s.",
      access: "user",
      request: { body: optionalJson(LogoutRequest) },
      responses: ok(Message, "Signed out"),
    }),
    async (c) => c.json(await auth.logout(c.var.ctx, c.req.valid("json") ?? {}), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/logout-all",
      tags,
      operationId: "logoutAll",
      summary: "Sign out everywhere",
      description: "Ends every session of the account.",
      access: "user",
      responses: ok(Message, "Signed out"),
    }),
    async (c) => c.json(await auth.logoutAll(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "get",
      path: "/auth/status",
      tags,
      operationId: "getAuthStatus",
      summary: "Ask who you are",
      description: "For clients that may or may not hold a token.",
      access: "public",
      responses: ok(AuthStatus, "Who you are"),
    }),
    async (c) => c.json(await auth.status(c.var.ctx), 200),
  )
