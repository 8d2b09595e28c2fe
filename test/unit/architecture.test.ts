import { globSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"

import { describe, expect, it } from "vitest"

import { errorTable } from "#errors.ts"
import { schedule } from "#schedule.ts"

const root = join(import.meta.dirname, "../..")
const read = (path: string) => readFileSync(join(root, path), "utf8")

/** A module imports only modules to its left (house.md 3.4). */
const order = (
  "users auth currencies catalog tax shipping promotions inventory ledger credit payments search reviews cart orders checkout " +
  "subscriptions notifications webhooks analytics privacy admin"
).split(" ")

/** `path`: of the file in this repository, or the package as it is named. `names`: what the names are here. */
type Import = { path: string; isType: boolean; names: string[] }
type File = { path: string; text: string; imports: Import[]; module: string | undefined }

const importPattern =
  /^(?:import|export)\s+(type\s+)?(?:(\*(?:\s+as\s+\w+)?|\{[^}]*\}|\w+)\s+from\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm

function importsOf(path: string, text: string): Import[] {
  return [...text.matchAll(importPattern)].map(([, type, names = "", from = "", dynamic]) => ({
    path: (dynamic ?? from)
      .replace(/^#/, "src/")
      .replace(/^\.\//, `${dirname(path)}/`)
      .replace(/^\.\.\//, `${dirname(dirname(path))}/`),
    isType: type !== undefined,
    names: names.split(",").map((name) => /\w*(?=\W*$)/.exec(name)?.[0] ?? ""),
  }))
}

const moduleOf = (path: string) => /^src\/modules\/([^/]+)\//.exec(path)?.[1]
const files: File[] = globSync("src/**/*.{ts,tsx}", { cwd: root }).map((path) => {
  const text = read(path)
  return { path, text, imports: importsOf(path, text), module: moduleOf(path) }
})
const shop = files.filter(({ path }) => !path.startsWith("src/cli/"))
const inModules = files.filter(({ module }) => module !== undefined)

type Kind = "tables" | "model" | "object" | "edge" | "verb" | "pure"

/** What a file of a module is: its name says it, and of the rest a verb knows a Ctx while a pure file does not. */
function kindOf(path: string): Kind {
  const name = basename(path).replace(/\.tsx?$/, "")
  if (name === "tables" || name === "model" || name === "object") return name
  if (name.endsWith("-model")) return "model"
  if (/^(?:(?:[a-z-]+-)?routes|admin|graphql)$/.test(name)) return "edge"
  const imports = files.find((file) => file.path === path)?.imports
  return imports?.some((one) => one.path === "src/context.ts") ? "verb" : "pure"
}

/** Each import of `from` that `mayImport` does not let through, in words. */
function strays(from: readonly File[], mayImport: (one: Import, by: File) => boolean): string[] {
  return from.flatMap((file) =>
    file.imports
      .filter((one) => !mayImport(one, file))
      .map((one) => `${file.path} imports ${one.isType ? "the type of " : ""}${one.path}`),
  )
}

const isPackage = (path: string) => !path.startsWith("src/")
const isTool = (path: string) => /^(?:@?hono|drizzle-orm|cloudflare:|node:)/.test(path)
const isLib = (path: string) => path.startsWith("src/lib/") || (isPackage(path) && !isTool(path))
const isIn = (folder: string) => (path: string) => path.startsWith(`src/${folder}/`)

describe("the house", () => {
  it("has files of the known kinds in its modules, and no others", () => {
    const refused =
      /^(?:services?|repository|controllers?|dtos?|mappers?|interfaces?|utils?|helpers?|types?|constants?|index|common|shared|managers?)$/
    const strangers = inModules.filter(({ path }) => {
      // Outside parties and letters lie in folders of their own.
      const name = path
        .split("/")
        .slice(3)
        .join("/")
        .replace(/\.tsx?$/, "")
        .replace(/^(?:gateways|templates)\//, "")
      return (
        !/^[a-z]+(?:-[a-z]+)*$/.test(name) || name.split("-").some((word) => refused.test(word))
      )
    })
    expect(strangers.map(({ path }) => path)).toEqual([])
  })

  it("has a lib that is pure, and a platform that knows no shop", () => {
    const lib = files.filter(({ path }) => isIn("lib")(path))
    expect(strays(lib, ({ path }) => isLib(path))).toEqual([])
    const platform = files.filter(({ path }) => isIn("platform")(path))
    const leaves = ["src/context.ts", "src/events.ts"]
    const mayImport = ({ path, isType }: Import) =>
      isLib(path) ||
      isIn("platform")(path) ||
      path.startsWith("drizzle-orm") ||
      path === "src/errors.ts" ||
      (isType && leaves.includes(path))
    expect(strays(platform, mayImport)).toEqual([])
    const common = files.filter(({ path }) =>
      /^src\/(?:errors|events|actor|context|config)\.ts$/.test(path),
    )
    const isCommon = (path: string) => common.some((file) => file.path === path)
    const permissions = "src/modules/auth/permissions.ts"
    const mayShare = ({ path }: Import) =>
      isLib(path) || isIn("platform")(path) || isCommon(path) || path === permissions
    expect(strays(common, mayShare)).toEqual([])
  })

  it("lets a module import the modules to its left, and join any module's tables", () => {
    expect(new Set(inModules.map(({ module }) => module)).difference(new Set(order))).toEqual(
      new Set(),
    )
    const mayImport = ({ path }: Import, by: File) => {
      const other = moduleOf(path)
      if (other === undefined || other === by.module) return true
      return kindOf(path) === "tables" || order.indexOf(other) < order.indexOf(by.module ?? "")
    }
    expect(strays(inModules, mayImport)).toEqual([])
  })

  it("lets each kind of file import what it is for", () => {
    const knows: Record<Kind, (one: Import, isOwn: boolean, kind: Kind | undefined) => boolean> = {
      tables: ({ path, isType }, isOwn, kind) =>
        isLib(path) ||
        path.startsWith("drizzle-orm") ||
        kind === "tables" ||
        (isOwn && (kind === "pure" || (kind === "model" && isType))),
      model: ({ path }, isOwn, kind) =>
        isLib(path) || kind === "model" || (isOwn && kind === "pure"),
      pure: ({ path, isType }, isOwn, kind) =>
        isLib(path) ||
        path === "src/platform/call.ts" ||
        path.startsWith("hono/jsx") ||
        (isType && path === "src/config.ts") ||
        kind === "pure" ||
        (isOwn && isType && kind !== "verb"),
      object: ({ path }, isOwn, kind) =>
        isLib(path) ||
        ["cloudflare:workers", "src/context.ts"].includes(path) ||
        (isOwn && (kind === "pure" || kind === "verb")),
      verb: ({ path, isType }, _, kind) =>
        kind === undefined
          ? !isIn("http")(path) && (!isTool(path) || path.startsWith("drizzle-orm"))
          : kind !== "edge" && (kind !== "object" || isType),
      edge: ({ path }, isOwn, kind) =>
        isLib(path) ||
        isIn("http")(path) ||
        path.startsWith("hono") ||
        path === "src/errors.ts" ||
        kind === "model" ||
        (isOwn && kind === "verb"),
    }
    const mayImport = (one: Import, by: File) => {
      const other = moduleOf(one.path)
      const kind = other === undefined ? undefined : kindOf(one.path)
      return knows[kindOf(by.path)](one, other === by.module, kind)
    }
    expect(strays(inModules, mayImport)).toEqual([])
  })

  it("is put together by the Worker alone, without the commands and the demo", () => {
    const tops = ["worker", "app", "subscribers", "schedule"].map((name) => `src/${name}.ts`)
    const mayImport = ({ path }: Import, by: File) =>
      (by.path === "src/worker.ts" && path !== by.path) || !tops.includes(path)
    expect(strays(files, mayImport)).toEqual([])
    expect(strays(shop, ({ path }) => !/^src\/(?:cli|demo)\//.test(path))).toEqual([])
  })

  it("writes to a module's tables in that module only", () => {
    const trespasses = files.flatMap(({ path, text, imports, module }) => {
      const foreign = imports.filter(
        (one) => /^src\/modules\/.*\/tables\.ts$/.test(one.path) && moduleOf(one.path) !== module,
      )
      const writes = [...text.matchAll(/\.(?:insert|update|delete)\(\s*(\w+)/g)]
      return writes
        .filter(([, table = ""]) => foreign.some(({ names }) => names.includes(table)))
        .map(([write]) => `${path}: ${write}`)
    })
    expect(trespasses).toEqual([])
  })

  it("names its own files by #, its neighbours by ./ and its parent folder by ../", () => {
    const { imports } = JSON.parse(read("package.json")) as { imports: unknown }
    expect(imports).toEqual({ "#*": "./src/*" })
    const paths = new Set(files.map(({ path }) => path))
    const isThere = ({ path }: Import) =>
      isPackage(path) ? !path.startsWith(".") : paths.has(path)
    expect(strays(files, isThere)).toEqual([])
  })

  it("runs by cron what wrangler.toml says", () => {
    const crons = /^triggers = \{ crons = (\[.*\]) \}$/m.exec(read("wrangler.toml"))?.[1] ?? ""
    expect(Object.keys(schedule)).toEqual(JSON.parse(crons))
  })

  it("says of everything it exports what it is", () => {
    const exported = /^export (?:async )?(?:function|class|const) (\w+)/
    const silent = shop.flatMap(({ path, text }) => {
      const lines = text.split("\n")
      return lines.flatMap((line, index) => {
        const name = exported.exec(line)?.[1]
        if (name === undefined || lines[index - 1]?.trimEnd().endsWith("*/")) return []
        const isEdge = moduleOf(path) !== undefined && /^(?:routes|admin)$/.test(name)
        return isEdge ? [] : [`${path}: ${name}`]
      })
    })
    expect(silent).toEqual([])
  })

  it("has no file of more than 400 lines", () => {
    const isData = (path: string) => path === "src/modules/auth/password-list.ts"
    const long = files.filter(
      ({ path, text }) => !isData(path) && text.trimEnd().split("\n").length > 400,
    )
    expect(long.map(({ path }) => path)).toEqual([])
  })

  it("can answer every refusal it has a word for", () => {
    const kindsAndTable = /^export type Kind =.*^export type ErrorCode/ms
    const said = shop
      .filter(({ path, module }) => module === undefined || kindOf(path) !== "edge")
      .map(({ text }) => text.replace(kindsAndTable, ""))
    const unsaid = Object.keys(errorTable).filter(
      (code) => !said.some((text) => text.includes(`"${code}"`)),
    )
    expect(unsaid).toEqual([])
  })
})
