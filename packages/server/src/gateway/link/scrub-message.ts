import { needlesOf, scrubBytes } from '@sealgate/vault';

// A child holds its credential in its environment and may repeat it. What it says is searched for the same forms as
// the answers of HTTP upstreams; each occurrence becomes as many asterisks.

/** The text without any form of the lent credential. */
export type Scrub = (text: string) => string;

/** Scrubs nothing: for a child without a credential. */
export const keep: Scrub = (text) => text;

/** A scrub for a lent environment. Values shorter than six bytes are not searched: they would blot out ordinary text. */
export function scrubFor(environment: Readonly<Record<string, string>>): Scrub {
  const needles = Object.entries(environment).flatMap(([name, value]) =>
    [value, ...linesOf(value)].flatMap((text) => needlesOf(Buffer.from(text, 'utf8'), { in: 'env', name })),
  );
  if (needles.length === 0) return keep;
  return (text) => {
    const bytes = Buffer.from(text, 'utf8');
    const clean = scrubBytes(bytes, needles);
    return clean === bytes ? text : Buffer.from(clean).toString('utf8');
  };
}

// A log is read line by line, and so is a key that has many lines. Short lines are ordinary text.
function linesOf(value: string): readonly string[] {
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  return lines.length === 1 ? [] : lines.filter(({ length }) => length >= 16);
}

/** Scrub every text of a message, in place: the client reads the same object afterwards. */
export function scrubMessage(message: object, scrub: Scrub): void {
  if (scrub === keep) return;
  const text = JSON.stringify(message);
  if (scrub(text) !== text) Object.assign(message, scrubValue(message, scrub));
}

function scrubValue(value: unknown, scrub: Scrub): unknown {
  if (typeof value === 'string') return scrub(value);
  if (typeof value === 'number') {
    const text = scrub(String(value));
    return text === String(value) ? value : text;
  }
  if (Array.isArray(value)) return value.map((part) => scrubValue(part, scrub));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [scrub(name), scrubValue(part, scrub)]),
  );
}
