import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeWhole } from '@sealgate/vault';
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

/** Checkpoints that were noted elsewhere: one as it was signed, a JSON string a line, or a file of {@link keepNotes}. */
export function anchorsIn(path: string): readonly string[] {
  const text = textIn(path);
  if (text.startsWith('[')) return notesOf(parsed(text), path);
  if (!text.startsWith('"')) return notesOf(text.includes('\n\n') ? [text] : undefined, path);
  return notesOf(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map(parsed),
    path,
  );
}

function notesOf(value: unknown, path: string): readonly string[] {
  const notes: readonly unknown[] = Array.isArray(value) ? value : [];
  if (notes.length > 0 && notes.every((note) => typeof note === 'string')) return notes;
  throw refuse('usage', `${path} has no checkpoints in it`);
}

function parsed(text: string): unknown {
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
