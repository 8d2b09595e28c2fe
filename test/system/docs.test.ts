import { existsSync } from "node:fs"

import { type Browser, chromium, type Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

import { type Call, cleanUp, client, type Server, startServer } from "../support/server.ts"
import { expected, password } from "./shop.ts"

const executablePath = "/usr/bin/chromium"
const isInstalled = existsSync(executablePath)
if (!isInstalled && process.env["CI"] === undefined)
  console.warn(`The pages are not tested: there is no ${executablePath} (apt-get install chromium)`)

let server: Server
let call: Call

beforeAll(async () => {
  server = await startServer()
  call = client(server.base)
})

afterAll(cleanUp)

describe.skipIf(!isInstalled && process.env["CI"] === undefined)("in a browser", () => {
  let browser: Browser
  let page: Page
  /** What the console and the network had to complain about. */
  let complaints: string[]
  /** Requests that left the shop. */
  let foreign: string[]

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    })
  })

  afterAll(async () => {
    await browser?.close()
  })

  async function visit(path: string): Promise<void> {
    page = await browser.newPage()
    complaints = []
    foreign = []
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text())
    })
    page.on("pageerror", (error) => complaints.push(String(error)))
    page.on("requestfailed", (request) => complaints.push(`no answer from ${request.url()}`))
    page.on("request", (request) => {
      const url = new URL(request.url())
      const isOwn = url.origin === server.base || ["data:", "blob:"].includes(url.protocol)
      if (!isOwn) foreign.push(request.url())
    })
    await page.goto(`${server.base}${path}`, { waitUntil: "networkidle" })
  }

  /** Scrolls through the page from its top, which keeps only what is near the window, until `isEnough`. */
  async function scroll(isEnough: () => Promise<boolean>): Promise<void> {
    await page.evaluate("window.scrollTo(0, 0)")
    for (let steps = 0; steps < 300 && !(await isEnough()); steps++) {
      await page.mouse.wheel(0, 600)
      await page.waitForTimeout(50)
    }
  }

  /** Opens an operation of Swagger UI, writes the body if one is given, and sends it; what the page shows of the answer. */
  async function tryOut(operation: string, body?: object): Promise<[status: string, text: string]> {
    const block = page.locator(`[id^="operations-"][id$="-${operation}"]`)
    const text = block.locator("textarea.body-param__text")
    await scroll(async () => (await block.count()) > 0)
    if (!(await text.isVisible())) await block.locator(".opblock-summary-control").click()
    await text.waitFor()
    if (body) await text.fill(JSON.stringify(body))
    const [response] = await Promise.all([
      page.waitForResponse((one) => one.request().method() === "POST"),
      block.locator("button.execute").click(),
    ])
    const answer = block.locator(".live-responses-table tbody tr").first()
    const status = answer.locator(".response-col_status", { hasText: String(response.status()) })
    return [
      (await status.innerText()).trim(),
      await answer.locator(".response-col_description pre").first().innerText(),
    ]
  }

  test("Swagger UI shows the whole API, without an error and without leaving the shop", async () => {
    await visit("/api/v1/docs")

    await page.locator(".opblock").first().waitFor()
    expect(await page.locator(".info .title").innerText()).toContain("Nexus")
    const { paths } = expected(200, await call<{ paths: object }>("GET", "schema"))
    const operations = Object.values(paths).flatMap((path: object) =>
      Object.keys(path).filter((name) => /^(get|post|put|patch|delete)$/.test(name)),
    )
    const seen = new Set<string>()
    await scroll(async () => {
      const ids = await page.locator(".opblock").evaluateAll((all) => all.map(({ id }) => id))
      for (const id of ids) seen.add(id)
      return seen.size >= operations.length
    })
    expect(seen.size).toBe(operations.length)
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
  })

  test("staff sign in on the page and are known there", async () => {
    await visit("/api/v1/docs")

    const [refused, problem] = await tryOut("logout")
    expect(refused).toContain("401")
    expect(problem).toContain('"unauthenticated"')

    // A page of its own: what was opened before may have left the window.
    await visit("/api/v1/docs")
    const [status, text] = await tryOut("login", { email: "staff@nexus.test", password })
    expect(status).toContain("200")
    const { access } = JSON.parse(text) as { access: string }
    await page.evaluate("window.scrollTo(0, 0)")
    await page.locator(".auth-wrapper button.authorize").first().click()
    const dialog = page.locator(".modal-ux")
    // The other way in, by an API key, has a form of its own below.
    await dialog.locator("#auth-bearer-value").fill(access)
    await dialog.locator("button.authorize").first().click()
    await dialog.locator("button.btn-done").first().click()

    const [left] = await tryOut("logout")
    expect(left).toContain("200")
    // The browser itself logs the 401 that was asked for.
    expect(complaints.filter((line) => !line.includes("status of 401"))).toEqual([])
    expect(foreign).toEqual([])
  })

  test("ReDoc shows every operation, without an error and without leaving the shop", async () => {
    await visit("/api/v1/redoc")

    await page.getByRole("heading", { name: "Nexus" }).first().waitFor()
    await page.getByRole("heading", { name: "Place an order" }).first().waitFor()
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
  })
})

test.each([
  ["/api/v1/docs", "Swagger UI"],
  ["/api/v1/docs/", "Swagger UI"],
  ["/swagger", "Swagger UI"],
  ["/api/docs", "Swagger UI"],
  ["/api/v1/schema/swagger-ui", "Swagger UI"],
  ["/api/v1/redoc", "ReDoc"],
  ["/redoc", "ReDoc"],
  ["/api/redoc", "ReDoc"],
  ["/api/v1/schema/redoc", "ReDoc"],
])("%s is the page of %s", async (path, title) => {
  const page = await call<string>("GET", path)
  expect(page.status).toBe(200)
  expect(page.headers.get("content-type")).toContain("text/html")
  expect(page.body).toContain(`<title>Nexus API: ${title}</title>`)
})

test.each(["/api/v1/schema", "/api/schema", "/swagger.json"])("%s is OpenAPI 3.1", async (path) => {
  const document = await call<{ openapi: string; info: { title: string } }>("GET", path)
  expect(document.body).toMatchObject({ openapi: "3.1.0", info: { title: "Nexus" } })
})

test("the front door leads to the documentation", async () => {
  const door = await call("GET", "/")
  expect([door.status, door.headers.get("location")]).toEqual([302, "/api/v1/docs"])
})
