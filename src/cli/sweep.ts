import { asAdmin } from "./as-admin.ts"

type Task = { task: string; result: string; count: number | null }

/** `npm run sweep`: does now what cron does, in a running shop. Which one, and as whom: see `asAdmin`. */
const call = await asAdmin(process.argv.slice(2))
const { tasks } = await call<{ tasks: Task[] }>("POST", "admin/sweep", {})
for (const { task, result, count } of tasks)
  console.log(`${task.padEnd(18)} ${result}${count === null ? "" : ` (${count})`}`)
process.exitCode = tasks.some(({ result }) => result === "failed") ? 1 : 0
