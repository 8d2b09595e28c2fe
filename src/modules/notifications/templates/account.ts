import type { Letter } from "./letter.tsx"

const notYou =
  "If this was not you, reset your password now: somebody else may know it. Doing so ends every session."

/** `url` verifies the address that the letter goes to. */
export function verifyEmail(url: string): Letter {
  return {
    subject: "Verify your e-mail address",
    opening: ["Somebody, most likely you, opened an account with this address."],
    action: { label: "Verify the address", url },
    closing: [
      "The link works once, for seven days.",
      "If it was not you, do nothing: without the link the address stays unverified.",
    ],
  }
}

/** `url` leads to a form for a new password. */
export function resetPassword(url: string): Letter {
  return {
    subject: "Reset your password",
    opening: ["Somebody, most likely you, asked to reset the password of your account."],
    action: { label: "Choose a new password", url },
    closing: [
      "The link works once, for 30 minutes. Using it ends every session of the account.",
      "If it was not you, do nothing: your password stays as it is.",
    ],
  }
}

/** Goes to the new address; `url` makes it the account's. */
export function confirmEmail(url: string): Letter {
  return {
    subject: "Confirm your new e-mail address",
    opening: ["An account is to be moved to this address."],
    action: { label: "Confirm the address", url },
    closing: [
      "The link works once, for 60 minutes. Until then the account keeps its old address.",
      "If you know nothing of this, do nothing.",
    ],
  }
}

/** Goes to the address that was the account's until now. */
export function emailChanged(): Letter {
  return {
    subject: "Your e-mail address was changed",
    opening: [
      "The e-mail address of your account was changed, and confirmed at the new one. This address no longer signs in.",
    ],
    closing: ["If this was not you, write to the shop at once."],
  }
}

/** Goes out after a change as after a reset. */
export function passwordChanged(): Letter {
  return {
    subject: "Your password was changed",
    opening: ["The password of your account was changed. Other sessions were ended."],
    closing: [notYou],
  }
}

/** `device` is a User-Agent, `place` an address prefix. */
export function newDevice({ device, place }: { device: string; place: string }): Letter {
  return {
    subject: "A new device signed in",
    opening: ["Your account was signed in to from a device that it does not know."],
    facts: [
      ["Device", device || "unknown"],
      ["Network", place || "unknown"],
    ],
    closing: ["If this was you, there is nothing to do.", notYou],
  }
}
