import { describe, expect, it } from "vitest"

import { isName, NewPassword } from "#modules/auth/password-model.ts"

describe("a new password", () => {
  it.each([
    ["of words", "correct horse battery"],
    ["of letters in steps of two", "acegikmo"],
    ["almost a row", "abcdefgi"],
    ["a row longer than anybody tries", "!\"#$%&'()*+,-./0123456789:;<=>?@ABC"],
  ])("may be %s", (_, password) => {
    expect(NewPassword.safeParse(password).success).toBe(true)
  })

  it.each([
    ["in the list of common ones", "password"],
    ["so in any letter case", "PassWord"],
    ["one piece over and over", "abcabcabc"],
    ["a row upwards", "23456789"],
    ["a row downwards", "hgfedcba"],
  ])("is none of the first that are tried: %s", (_, password) => {
    expect(NewPassword.safeParse(password).error?.issues.map(({ message }) => message)).toEqual([
      "This password is too common: it is among the first that are tried.",
    ])
  })

  it("is counted in characters as people see them", () => {
    // Seven letters, two of them written as a letter and an accent.
    expect(NewPassword.safeParse("he\u0301lle\u0301s!").success).toBe(false)
    expect(NewPassword.safeParse("🐎".repeat(3) + "🔋🔌📎🧷🖇").success).toBe(true)
    expect(NewPassword.safeParse(`${"ab1".repeat(85)}x`).success).toBe(true)
    expect(NewPassword.safeParse(`${"ab1".repeat(85)}xy`).success).toBe(false)
  })

  it("is no name that its account goes by", () => {
    const names = ["ada@nexus.test", "adalovelace", undefined]
    expect(isName("AdaLovelace", names)).toBe(true)
    expect(isName("ada@nexus.test", names)).toBe(true)
    expect(isName("ada lovelace", names)).toBe(false)
  })
})
