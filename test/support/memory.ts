import { existsSync, statfsSync } from "node:fs"

const memory = "/dev/shm"
const needed = 2 * 1024 ** 3

/**
 * Lets temporary files lie in memory, where there is enough of it: workerd writes the storage of every test, and waits
 * for the disk each time. What a killed process leaves behind is the same in both.
 */
export function keepFilesInMemory(): void {
  if (process.env["TMPDIR"] !== undefined || !existsSync(memory)) return
  const { bavail, bsize } = statfsSync(memory)
  if (bavail * bsize >= needed) process.env["TMPDIR"] = memory
}
