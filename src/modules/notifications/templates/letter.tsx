import type { Child } from "hono/jsx"
import { renderToString } from "hono/jsx/dom/server"

/**
 * What a mail says, before it is text or HTML. Nothing of it is the recipient's or a stranger's own words except the
 * values of `facts`: whoever opens an account in somebody else's name must not write them a letter.
 */
export type Letter = {
  subject: string
  /** Paragraphs above the button. */
  opening: readonly string[]
  facts?: readonly (readonly [label: string, value: string])[]
  action?: { label: string; url: string }
  /** Paragraphs below it. */
  closing: readonly string[]
}

const shop = "Nexus"
const ink = "#1d2433"
const muted = "#5b6577"
const line = "#e4e8ef"
const accent = "#2f5bea"
const font = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"

/** A letter as both bodies of a mail. */
export function write(letter: Letter): { subject: string; text: string; html: string } {
  return {
    subject: letter.subject,
    text: toText(letter),
    html: `<!doctype html>${renderToString(<Page letter={letter} />)}`,
  }
}

function toText({ opening, facts = [], action, closing }: Letter): string {
  return [
    ...opening,
    ...(facts.length > 0 ? [facts.map(([label, value]) => `${label}: ${value}`).join("\n")] : []),
    ...(action ? [`${action.label}:\n${action.url}`] : []),
    ...closing,
    `-- \n${shop}\n`,
  ].join("\n\n")
}

/** Tables and inline styles, since mail clients know little else; nothing is loaded from anywhere. */
function Page({ letter }: { letter: Letter }) {
  const { subject, opening, facts = [], action, closing } = letter
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light" />
        <title>{subject}</title>
      </head>
      <body style={`margin:0;padding:0;background:#f4f6fa;color:${ink};font-family:${font}`}>
        <div style="display:none;max-height:0;overflow:hidden">{opening[0]}</div>
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0">
          <tr>
            <td align="center" style="padding:32px 16px">
              <table
                role="presentation"
                width="100%"
                cellpadding="0"
                cellspacing="0"
                style={`max-width:560px;background:#ffffff;border:1px solid ${line};border-radius:12px`}
              >
                <tr>
                  <td style={`padding:24px 32px;border-bottom:1px solid ${line};font-weight:700`}>
                    {shop}
                  </td>
                </tr>
                <tr>
                  <td style="padding:32px">
                    <h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">{subject}</h1>
                    {opening.map((text) => (
                      <Paragraph>{text}</Paragraph>
                    ))}
                    {facts.length > 0 && <Facts facts={facts} />}
                    {action && <Button {...action} />}
                    {closing.map((text) => (
                      <Paragraph>{text}</Paragraph>
                    ))}
                  </td>
                </tr>
              </table>
              <p style={`margin:16px 0 0;font-size:12px;color:${muted}`}>
                {shop} sent this because of something that happened in your account.
              </p>
            </td>
          </tr>
        </table>
      </body>
    </html>
  )
}

function Paragraph({ children }: { children?: Child }) {
  return <p style="margin:0 0 16px;font-size:16px;line-height:1.5">{children}</p>
}

function Facts({ facts }: { facts: NonNullable<Letter["facts"]> }) {
  return (
    <table role="presentation" cellpadding="0" cellspacing="0" style="margin:0 0 16px">
      {facts.map(([label, value]) => (
        <tr>
          <td style={`padding:4px 16px 4px 0;font-size:14px;color:${muted};vertical-align:top`}>
            {label}
          </td>
          <td style="padding:4px 0;font-size:14px;word-break:break-word">{value}</td>
        </tr>
      ))}
    </table>
  )
}

function Button({ label, url }: { label: string; url: string }) {
  return (
    <>
      <p style="margin:24px 0">
        <a
          href={url}
          style={`display:inline-block;padding:12px 24px;border-radius:8px;background:${accent};color:#ffffff;font-size:16px;font-weight:600;text-decoration:none`}
        >
          {label}
        </a>
      </p>
      <p style={`margin:0 0 16px;font-size:13px;line-height:1.5;color:${muted}`}>
        Or copy this address into your browser:
        <br />
        <a href={url} style={`color:${accent};word-break:break-all`}>
          {url}
        </a>
      </p>
    </>
  )
}
