import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeWhole } from '@sealgate/vault';
import { urlSource } from '@sealgate/vault/audit-verify';
import { refuse } from '../errors.ts';

// What whoever verifies a log holds of it themselves, in files: keys, checkpoints of their last run, and checkpoints that
// were noted elsewhere. Something that is there and cannot be read is refused: taken for nothing, it would compare with nothing.

const fileBytesMax = 64 * 1024 * 1024;

/** Verifier keys: as they are given, or with `@` before it the file that has one a line. */
export function vkeysIn(given: readonly string[], pathOf: (file: string) => string): readonly string[] {
  return given.flatMap((each) => {
    if (!each.startsWith('@')) return [each];
    const path = pathOf(each.slice(1));
    const lines = textIn(path).split('\n');
    const vkeys = lines.map((line) => line.trim()).filter((line) => line !== '');
    if (vkeys.length === 0) throw refuse('usage', `there is no key in ${path}`);
    return vkeys;
  });
}

/** The token that a file has, and nothing else. */
export function tokenIn(path: string): string {
  const token = textIn(path).trim();
  if (!/^[\x21-\x7e]{1,200}$/.test(token)) throw refuse('usage', `there is no token in ${path}`);
  return token;
}

/**
 * The checkpoints that {@link keepNotes} left.
 *
 * @returns `undefined` when there is no file yet; there is a place for it then
 */
export function rememberedIn(path: string): readonly string[] | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    // Found out now rather than after an hour of verifying.
    if (statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() !== true)
      throw refuse('usage', `there is no folder for ${path}`);
    return undefined;
  }
  return notesOf(parsed(textIn(path)), path);
}

/** Leave checkpoints for the next run: whole or not at all, 0600. */
export async function keepNotes(path: string, notes: readonly string[]): Promise<void> {
  try {
    await writeWhole(path, Buffer.from(`${JSON.stringify(notes, undefined, 2)}\n`));
  } catch (error) {
    throw refuse('usage', `${path} cannot be written`, undefined, error);
  }
}

/**
 * Checkpoints that were noted elsewhere, from a file, every file of a folder, or an address: as they were signed, one behind
 * the other; a JSON string a line; or what {@link keepNotes} left.
 */
export async function anchorsIn(
  from: string,
  pathOf: (file: string) => string,
  fetch: typeof globalThis.fetch,
): Promise<readonly string[]> {
  if (isAddress(from)) return anchorsOf(await textAt(from, fetch), from);
  const path = pathOf(from);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return anchorsOf(textIn(path), path);
  const files = readdirSync(path, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  if (files.length === 0) throw refuse('usage', `${path} has no checkpoints in it`);
  return files.flatMap(({ parentPath, name }) => {
    const file = join(parentPath, name);
    return anchorsOf(textIn(file), file);
  });
}

/** Whether something that is named is to be asked for over the network. */
export function isAddress(named: string): boolean {
  return /^[a-z][a-z\d+.-]*:\/\//i.test(named);
}

function anchorsOf(text: string, from: string): readonly string[] {
  if (text.startsWith('[')) return notesOf(parsed(text), from);
  const lines = text.split('\n').filter((line) => line !== '');
  if (text.startsWith('"')) return notesOf(lines.map(parsed), from);
  return notesOf(notesIn(text), from);
}

/** Notes one behind the other: text, a blank line, and signature lines (C2SP signed-note). */
function notesIn(text: string): readonly string[] | undefined {
  const all = text.split('\n');
  if (all.pop() !== '') return undefined;
  const notes: string[] = [];
  let lines: string[] = [];
  for (const [at, line] of all.entries()) {
    lines.push(line);
    if (!isSignature(line) || isSignature(all[at + 1] ?? '')) continue;
    notes.push(`${lines.join('\n')}\n`);
    lines = [];
  }
  return lines.length === 0 && notes.every((note) => note.includes('\n\n')) ? notes : undefined;
}

function isSignature(line: string): boolean {
  return line.startsWith('\u2014 ');
}

async function textAt(address: string, fetch: typeof globalThis.fetch): Promise<string> {
  const url = URL.parse(address);
  const name = url?.pathname.split('/').at(-1) ?? '';
  // What does not belong to such an address is refused with it.
  const folder =
    url === null ? address : `${new URL('.', url.origin + url.pathname).href}${url.search}${url.hash}`;
  const bytes = await urlSource(folder, fetch).read(name, fileBytesMax);
  if (bytes === undefined) throw refuse('usage', `there is nothing at ${address}`);
  return Buffer.from(bytes).toString('utf8');
}

function notesOf(value: unknown, path: string): readonly string[] {
  const notes: readonly unknown[] = Array.isArray(value) ? value : [];
  if (notes.length > 0 && notes.every((note) => typeof note === 'string')) return notes;
  throw refuse('usage', `${path} has no checkpoints in it`);
}

/** The JSON of a text; `undefined` when it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textIn(path: string): string {
  try {
    const bytes = readFileSync(path);
    if (bytes.length <= fileBytesMax) return bytes.toString('utf8');
  } catch {
    // The same answer as for one that is too large.
  }
  throw refuse('usage', `${path} cannot be read`);
}
