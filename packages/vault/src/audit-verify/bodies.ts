import { createHmac } from 'node:crypto';
import { tileWidth } from '../tlog/tile-paths.ts';
import type { Finding } from './findings.ts';
import { bodiesPath } from './layout.ts';
import { commitmentOf } from './leaves.ts';
import { bytesMax, textOf, type LogSource } from './source.ts';

// Bodies that are disclosed: what an event was about, which its leaf only commits to. A line each,
//
//   {"ix":<entry>,"salt":"<base64url, 16 bytes>","body":"<its text, exactly>"}
//
// and the leaf's `c` is HMAC-SHA256(salt, body). An event whose body is not there is no fault: it was erased, or is withheld.

const saltBytes = 16;

/** The commitment to a body, base64url. */
export function commitmentTo(salt: Uint8Array, body: string): string {
  return createHmac('sha256', salt).update(body).digest('base64url');
}

/** One line, with its newline. */
export function bodyLine(index: number, salt: Uint8Array, body: string): string {
  return `${JSON.stringify({ ix: index, salt: Buffer.from(salt).toString('base64url'), body })}\n`;
}

/** What is compared. */
export interface DisclosedBundle {
  readonly source: LogSource;
  readonly folder: string;
  readonly index: number;
  readonly entries: readonly Uint8Array[];
  readonly see: (finding: Omit<Finding, 'log'>) => void;
}

/** Compare the disclosed bodies of one bundle with its leaves. @returns how many were there */
export async function checkBodies({ source, folder, index, entries, see }: DisclosedBundle): Promise<number> {
  const path = `${folder}/${bodiesPath(index)}`;
  const bytes = await source.read(path, bytesMax.bodies);
  if (bytes === undefined) return 0;
  const lines = textOf(bytes)?.split('\n');
  if (lines === undefined || lines.pop() !== '') {
    see({ state: 'tampered', path, says: 'a file of bodies is not in its form' });
    return 0;
  }
  let last = -1;
  for (const line of lines) {
    const disclosed = parseLine(line);
    const at = disclosed === undefined ? -1 : disclosed.ix - index * tileWidth;
    const leaf = at > last ? entries[at] : undefined;
    if (disclosed === undefined || leaf === undefined) {
      see({ state: 'tampered', path, says: 'a body is of no entry of its bundle, or is not in its form' });
      return lines.length;
    }
    if (commitmentOf(leaf) !== commitmentTo(disclosed.salt, disclosed.body))
      see({ state: 'tampered', path, index: disclosed.ix, says: 'a body is not what its entry commits to' });
    last = at;
  }
  return lines.length;
}

function parseLine(line: string): { ix: number; salt: Buffer; body: string } | undefined {
  try {
    const { ix, salt: encoded, body } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (typeof ix !== 'number' || !Number.isSafeInteger(ix) || typeof encoded !== 'string') return undefined;
    const salt = Buffer.from(encoded, 'base64url');
    const good = salt.length === saltBytes && salt.toString('base64url') === encoded;
    return good && typeof body === 'string' && body.isWellFormed() ? { ix, salt, body } : undefined;
  } catch {
    return undefined;
  }
}
