import { created, createRouter, json, ok, route } from "#http/router.ts"

import { Enrolment, Identity, MfaChallenge, MfaState, OneCode, RecoveryCodes } from "./mfa-model.ts"
import * as mfa from "./mfa.ts"
import { Message, SignedIn } from "./model.ts"

const tags = ["Second factor"]

/** /auth/mfa/* */
export const routes = createRouter()
  .openapi(
    route({
      method: "get",
      path: "/auth/mfa",
      tags,
      operationId: "getMfa",
      summary: "See how your sign-in is guarded",
      description: "Whether the second factor is on, and what there is beside it.",
      access: "user",
      responses: ok(MfaState, "The state"),
    }),
    async (c) => c.json(await mfa.state(c.var.ctx), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/mfa/enrol",
      tags,
      operationId: "enrolMfa",
      summary: "Set up an authenticator app",
      description:
        "Answers a secret for the app, also as a QR code (SVG). Nothing is asked at sign-in until /auth/mfa/confirm has seen a first code. Enrolling again replaces a secret that is not confirmed.",
      access: "user",
      request: { body: json(Identity) },
      responses: created(Enrolment, "The secret, shown this once"),
      refuses: ["mfa-already-enabled"],
    }),
    async (c) => c.json(await mfa.enrol(c.var.ctx, c.req.valid("json")), 201),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/mfa/confirm",
      tags,
      operationId: "confirmMfa",
      summary: "Turn the second factor on",
      description:
        "By a first code of the app. Answers ten recovery codes, this once; your sessions on other devices end.",
      access: "user",
      request: { body: json(OneCode) },
      responses: ok(RecoveryCodes, "The second factor is on"),
      refuses: ["mfa-not-enabled", "mfa-already-enabled"],
    }),
    async (c) => c.json(await mfa.confirm(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/mfa/disable",
      tags,
      operationId: "disableMfa",
      summary: "Turn the second factor off",
      description:
        "Needs the password and a code of the app or a recovery code. Your sessions on other devices end.",
      access: "user",
      request: { body: json(Identity) },
      responses: ok(Message, "The second factor is off"),
      refuses: ["mfa-not-enabled"],
    }),
    async (c) => c.json(await mfa.disable(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/mfa/recovery-codes",
      tags,
      operationId: "renewRecoveryCodes",
      summary: "Get new recovery codes",
      description: "Ten new ones, shown this once; the old ones end.",
      access: "user",
      request: { body: json(OneCode) },
      responses: ok(RecoveryCodes, "The new codes"),
      refuses: ["mfa-not-enabled"],
    }),
    async (c) => c.json(await mfa.renewRecoveryCodes(c.var.ctx, c.req.valid("json")), 200),
  )
  .openapi(
    route({
      method: "post",
      path: "/auth/mfa/challenge",
      tags,
      operationId: "answerMfaChallenge",
      summary: "Finish a sign-in with a code",
      description:
        "The second step after /auth/login. A code works once; a wrong one leaves the challenge open for its 5 minutes.",
      access: "open",
      request: { body: json(MfaChallenge) },
      responses: ok(SignedIn, "The account and its tokens"),
      refuses: ["token-not-valid", "wrong-code", "wrong-credentials"],
    }),
    async (c) => c.json(await mfa.answerChallenge(c.var.ctx, c.req.valid("json")), 200),
  )
