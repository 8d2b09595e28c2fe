/** The European Central Bank's daily file of a day, as it publishes it. */
export function dailyFile(day: string, rates: Record<string, string>): string {
  const cubes = Object.entries(rates).map(
    ([currency, rate]) => `\t\t\t<Cube currency='${currency}' rate='${rate}'/>\n`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
\t<gesmes:subject>Reference rates</gesmes:subject>
\t<gesmes:Sender>
\t\t<gesmes:name>European Central Bank</gesmes:name>
\t</gesmes:Sender>
\t<Cube>
\t\t<Cube time='${day}'>
${cubes.join("")}\t\t</Cube>
\t</Cube>
</gesmes:Envelope>`
}

/** What answers at the rates' address. */
export function answering(text: string, status = 200): Response {
  return new Response(text, { status, headers: { "content-type": "text/xml" } })
}
