import { spawnSync } from "node:child_process"
import { createServer } from "node:net"
import { join } from "node:path"

import { describe, expect, it } from "vitest"

import { readFlags } from "../../src/cli/flags.ts"

describe("the flags of npm start", () => {
  it("are written with a space or an equals sign, in any order; what is not ours is wrangler's", () => {
    expect(readFlags([])).toEqual({
      port: 8787,
      persistTo: undefined,
      withDemo: true,
      gatewaysPort: undefined,
      rest: [],
    })
    expect(
      readFlags(["--var", "A:1", "--port", "8800", "--fake-gateways", "--persist-to=x", "--local"]),
    ).toEqual({
      port: 8800,
      persistTo: "x",
      withDemo: true,
      gatewaysPort: 8790,
      rest: ["--var", "A:1", "--local", "--persist-to", "x"],
    })
    const spaced = readFlags(["--fake-gateways", "8801", "--no-demo", "--port=8800"])
    expect(spaced).toMatchObject({ port: 8800, gatewaysPort: 8801, withDemo: false, rest: [] })
    expect(readFlags(["--fake-gateways=8801"]).gatewaysPort).toBe(8801)
  })

  it.each([
    [["--port", "abc"], '--port needs a port from 1 to 65535, not "abc".'],
    [["--port=0"], '--port needs a port from 1 to 65535, not "0".'],
    [["--port=65536"], '--port needs a port from 1 to 65535, not "65536".'],
    [["--port"], "--port needs a value."],
    [["--persist-to="], "--persist-to needs a value."],
    [["--fake-gateways=x"], '--fake-gateways needs a port from 1 to 65535, not "x".'],
    [["--port=8790", "--fake-gateways"], "The shop and the gateways cannot both have port 8790."],
  ])("%j are refused in a sentence", (args, reason) => {
    expect(() => readFlags(args)).toThrow(new Error(reason))
  })
})

describe("the commands", () => {
  const root = join(import.meta.dirname, "../..")
  const run = (file: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [`src/cli/${file}.ts`, ...args],
      {
        cwd: root,
        encoding: "utf8",
        env: { ...process.env, npm_lifecycle_event: "a-command" },
      },
    )
    return { status, stdout, stderr }
  }
  const usage =
    "usage: npm run a-command -- [--url https://shop.example.com] [--api-key KEY | --email ADMIN --password TEXT]\n"

  it.each(["sweep", "verify", "reconcile", "search"])(
    "%s says that no shop answers, and how it is called",
    (file) => {
      expect(run(file, "--url", "http://127.0.0.1:1")).toEqual({
        status: 1,
        stdout: "",
        stderr:
          "Nothing answers at http://127.0.0.1:1/api/v1: is the shop running? --url says where.\n",
      })
      expect(run(file, "--url", "localhost:8787")).toEqual({
        status: 2,
        stdout: "",
        stderr: `--url needs a whole address, not "localhost:8787".\n${usage}`,
      })
      const unknown = run(file, "--bogus")
      expect([unknown.status, unknown.stderr.endsWith(usage)]).toEqual([2, true])
      expect(unknown.stderr).toMatch(/^Unknown option '--bogus'/)
    },
  )

  it("npm start touches nothing when somebody listens on its port", async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    const { port } = other.address() as { port: number }
    expect(run("start", `--port=${port}`)).toEqual({
      status: 2,
      stdout: "",
      stderr: `Something is listening on port ${port} already: stop it, or choose another by --port.\n`,
    })
    other.close()
  })
})
