import { existsSync } from "node:fs"

import { type Browser, chromium, type Locator, type Page } from "playwright-core"
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

  /** Opens a group of Swagger UI: the page shows no operation of one that is closed. */
  async function openGroup(heading: Locator): Promise<void> {
    if ((await heading.getAttribute("data-is-open")) !== "true") await heading.click()
  }

  /** Opens an operation of Swagger UI, writes the body if one is given, and sends it; what the page shows of the answer. */
  async function tryOut(
    group: string,
    operation: string,
    body?: object,
  ): Promise<[status: string, text: string]> {
    await openGroup(page.locator(`#operations-tag-${group}`))
    const block = page.locator(`#operations-${group}-${operation}`)
    const text = block.locator("textarea.body-param__text")
    await block.waitFor()
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

    const groups = page.locator(".opblock-tag")
    await groups.first().waitFor()
    expect(await page.locator(".info .title").innerText()).toContain("Nexus")
    const { paths } = expected(200, await call<{ paths: object }>("GET", "schema"))
    const operations = Object.values(paths).flatMap((path: object) =>
      Object.keys(path).filter((name) => /^(get|post|put|patch|delete)$/.test(name)),
    )
    const seen = new Set<string>()
    for (const group of await groups.all()) {
      await openGroup(group)
      const blocks = page.locator(".opblock")
      await blocks.first().waitFor()
      for (const id of await blocks.evaluateAll((all) => all.map((one) => one.id))) seen.add(id)
      await group.click()
    }
    expect(seen.size).toBe(operations.length)
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
  })

  test("staff sign in on the page and make the example's product there", async () => {
    await visit("/api/v1/docs")

    const [refused, problem] = await tryOut("Products", "createProduct")
    expect(refused).toContain("401")
    expect(problem).toContain('"unauthenticated"')

    const [status, text] = await tryOut("Authentication", "login", {
      email: "staff@nexus.test",
      password,
    })
    expect(status).toContain("200")
    const { access } = JSON.parse(text) as { access: string }
    await page.locator(".auth-wrapper button.authorize").first().click()
    const dialog = page.locator(".modal-ux")
    // The other way in, by an API key, has a form of its own below.
    await dialog.locator("#auth-bearer-value").fill(access)
    await dialog.locator("button.authorize").first().click()
    await dialog.locator("button.btn-done").first().click()

    const [made, product] = await tryOut("Products", "createProduct")
    expect(made).toContain("201")
    const { id, name } = JSON.parse(product) as { id: string; name: string }
    expect(expected(200, await call<{ name: string }>("GET", `products/${id}`)).name).toBe(name)
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
