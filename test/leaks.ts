import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

// Searches bytes for a secret in every form in which one is usually written down.

/** A secret in one form. */
interface Form {
  readonly form: string;
  readonly bytes: Buffer;
}

// Base64 of a longer text holds the secret's own base64 at one of three alignments; the characters at both ends mix with
// their neighbours and are left off.
function base64Inside(secret: Buffer, shift: number): string {
  const encoded = Buffer.concat([Buffer.alloc(shift), secret])
    .toString('base64')
    .replaceAll('=', '');
  const start = Math.ceil((shift * 8) / 6);
  const end = Math.floor(((shift + secret.length) * 8) / 6);
  return encoded.slice(start, end);
}

/** The secret raw, in UTF-16, in base64 and base64url at every alignment, in hex and percent-encoded. */
function formsOf(secret: string): readonly Form[] {
  const raw = Buffer.from(secret);
  const hex = raw.toString('hex');
  const everyByte = hex.replaceAll(/../g, '%$&');
  const base64 = [0, 1, 2].map((shift) => base64Inside(raw, shift));
  const texts: [string, string][] = [
    ['raw', secret],
    ['json', JSON.stringify(secret).slice(1, -1)],
    ['hex', hex],
    ['hex', hex.toUpperCase()],
    ['percent', encodeURIComponent(secret)],
    ['percent', everyByte],
    ['percent', everyByte.toUpperCase()],
    ...base64.map((text): [string, string] => ['base64', text]),
    ...base64.map((text): [string, string] => ['base64url', text.replaceAll('+', '-').replaceAll('/', '_')]),
  ];
  const wide = Buffer.from(secret, 'utf16le');
  return [
    ...texts.map(([form, text]) => ({ form, bytes: Buffer.from(text) })),
    { form: 'utf-16', bytes: wide },
    { form: 'utf-16', bytes: Buffer.from(wide).swap16() },
  ];
}

/** Where a secret was found: `secret 2 as base64 in main.db`. The secret itself is not said. */
export function leaksIn(where: string, bytes: Buffer, secrets: readonly string[]): readonly string[] {
  const found = secrets.flatMap((secret, index) =>
    formsOf(secret)
      .filter((form) => bytes.includes(form.bytes))
      .map(({ form }) => `secret ${index} as ${form} in ${where}`),
  );
  return [...new Set(found)];
}

/** The same for every file under a folder; sockets and the like are passed over. */
export async function leaksUnder(folder: string, secrets: readonly string[]): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found = await Promise.all(files.map(async (file) => leaksIn(file, await readFile(file), secrets)));
  return found.flat();
}
