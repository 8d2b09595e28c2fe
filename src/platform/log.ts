/** Structured lines for Workers Logs: one JSON object each, with the request they belong to. */
export type Log = {
  info(message: string, fields?: Record<string, unknown>): void
  error(message: string, error: unknown, fields?: Record<string, unknown>): void
}

/** A log whose lines carry this request id. */
export function openLog(requestId: string): Log {
  return {
    info: (message, fields) =>
      console.log(JSON.stringify({ level: "info", message, request_id: requestId, ...fields })),
    error: (message, error, fields) =>
      console.error(
        JSON.stringify({
          level: "error",
          message,
          request_id: requestId,
          error: told(error),
          ...fields,
        }),
      ),
  }
}

/**
 * What may be written of an error. Drizzle's own message holds the bound values, people's data among them:
 * only its cause is told.
 */
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return told(error.cause)
  return error.stack ?? error.message
}
