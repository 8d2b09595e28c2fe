import { deleteCookie, getCookie, setCookie } from "hono/cookie"
import { z } from "zod"

import type { AppContext } from "#http/env.ts"
import { created, createRouter, json, none, ok, optionalJson, route } from "#http/router.ts"

import * as identities from "./identities.ts"
import {
  BeginQuery,
  CallbackAnswer,
  CallbackQuery,
  CodeRequest,
  LinkedIdentities,
  LinkedIdentity,
  LinkRequest,
  ProviderParam,
  ProviderUrl,
  SignInAnswer,
} from "./oauth-model.ts"
import * as oauth from "./oauth.ts"

const tags = ["Authentication"]
const redirect = {
  302: { description: "To where `Location` says", headers: z.object({ location: z.string() }) },
}

/**
 * The cookie that binds a sign-in at a provider to the browser that began it. `__Host-` needs https (RFC 6265bis
 * §4.1.3.2), which a local shop has not.
 */
function cookieOf(c: AppContext) {
  const secure = c.var.ctx.config.baseUrl.startsWith("https:")
  const prefix = secure ? ("host" as const) : undefined
  return {
    name: "oauth",
    options: {
      path: "/",
      httpOnly: true,
      sameSite: "Lax" as const,
      secure,
      ...(prefix && { prefix }),
    },
    prefix,
  }
}

/** /auth/oauth/* and /auth/identities */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/auth/oauth/{provider}",
      tags,
      operationId: "beginOauth",
      summary: "Sign in with Google, Facebook or GitHub",
      description:
        "Open this in the browser: it goes on to the provider and comes back to the callback within 10 minutes (authorization code with PKCE). Without `return_to` the callback answers the tokens as JSON. With it the browser arrives there with `#code=…`, which `POST /auth/oauth/exchange` turns into tokens.",
      access: "open",
      request: { params: ProviderParam, query: BeginQuery },
      responses: redirect,
      refuses: ["not-found"],
    }),
    async (c) => {
      const { provider } = c.req.valid("param")
      const { url, state } = await oauth.begin(c.var.ctx, provider, c.req.valid("query").return_to)
      const { name, options } = cookieOf(c)
      setCookie(c, name, state, { ...options, maxAge: 600 })
      return c.redirect(url, 302)
    },
  )
  .openapi(
    route({
      method: "get",
      path: "/auth/oauth/{provider}/callback",
      tags,
      operationId: "finishOauth",
      summary: "Come back from a provider",
      description:
        "Providers send the browser here. The identity that is linked signs in; one that is new is linked to the account of its e-mail when both sides have verified it, or opens an account. An account with a second factor is asked for it, as at login.",
      access: "open",
      request: { params: ProviderParam, query: CallbackQuery },
      responses: { ...ok(CallbackAnswer, "Signed in, or what is wanted next"), ...redirect },
      refuses: [
        "oauth-failed",
        "identity-conflict",
        "email-missing",
        "wrong-credentials",
        "email-not-verified",
        "not-found",
        "unavailable",
      ],
    }),
    async (c) => {
      const { name, options, prefix } = cookieOf(c)
      const parameters = c.req.valid("query")
      const browserState = getCookie(c, name, prefix)
      if (browserState !== undefined && browserState === parameters.state)
        deleteCookie(c, name, options)
      const { provider } = c.req.valid("param")
      const done = await oauth.finish(c.var.ctx, provider, { parameters, browserState })
      return "redirectTo" in done ? c.redirect(done.redirectTo, 302) : c.json(done.answer, 200)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/oauth/exchange",
      tags,
      operationId: "exchangeOauthCode",
      summary: "Get the tokens of a sign-in at a provider",
      description:
        "For the code that `return_to` was called with: 60 seconds, one use. An account with a second factor is asked for it, as at login.",
      access: "open",
      request: { body: json(CodeRequest) },
      responses: ok(SignInAnswer, "The account and its tokens, or the second factor first"),
      refuses: ["oauth-failed", "wrong-credentials", "email-not-verified"],
    }),
    async (c) => c.json(await oauth.exchange(c.var.ctx, c.req.valid("json").code), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/oauth/{provider}/link",
      tags,
      operationId: "beginOauthLink",
      summary: "Link a provider to your account",
      description:
        "Open the answered address in the browser. It comes back with a code, to `return_to` or as JSON; `POST /auth/identities` with that code makes the link. More than 15 minutes after the sign-in the password is asked for, and a code where a second factor is on.",
      access: "user",
      request: { params: ProviderParam, body: optionalJson(LinkRequest) },
      responses: ok(ProviderUrl, "Where to send the browser"),
      refuses: ["not-found"],
    }),
    async (c) => {
      const input = c.req.valid("json") ?? {}
      return c.json(await oauth.beginLink(c.var.ctx, c.req.valid("param").provider, input), 200)
    },
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/identities",
      tags,
      operationId: "linkIdentity",
      summary: "Finish a link to a provider",
      description:
        "With the code that came back. Only the account that began can finish; at most one identity at each provider.",
      access: "user",
      request: { body: json(CodeRequest) },
      responses: created(LinkedIdentity, "Linked"),
      refuses: ["oauth-failed", "identity-conflict"],
    }),
    async (c) => c.json(await oauth.link(c.var.ctx, c.req.valid("json").code), 201),
  )
  .openapi(
    route({
      method: "get",
      path: "/auth/identities",
      tags,
      operationId: "listIdentities",
      summary: "Your linked providers",
      description: "The accounts at providers that sign in to yours, newest first.",
      access: "user",
      responses: ok(LinkedIdentities, "All of them"),
    }),
    async (c) => c.json(await identities.list(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "delete",
      path: "/auth/identities/{provider}",
      tags,
      operationId: "unlinkIdentity",
      summary: "Unlink a provider",
      description:
        "The last way in stays: a password, a passkey or another provider has to be left.",
      access: "user",
      request: { params: ProviderParam },
      responses: none("Unlinked"),
      refuses: ["not-found", "last-way-in"],
    }),
    async (c) => {
      await identities.remove(c.var.ctx, c.req.valid("param").provider)
      return c.body(null, 204)
    },
  )
