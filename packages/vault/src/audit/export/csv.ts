// CSV (RFC 4180) for people with a spreadsheet: every value in quotes, lines end in CR LF. A spreadsheet takes a value that
// begins with = + - @ for a formula, also behind a tab or a line break, and what callers call themselves is theirs to choose:
// such a value gets a ' in front (OWASP, "CSV Injection").

const formula = /^[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/;

/** One value. `undefined`: empty. */
export function csvValue(value: string | number | undefined): string {
  const text = String(value ?? '');
  // Numbers are ours and never formulas; -5 must stay one.
  const safe = typeof value === 'string' && formula.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** One line, with its end. */
export function csvLine(values: readonly (string | number | undefined)[]): string {
  return `${values.map(csvValue).join(',')}\r\n`;
}
