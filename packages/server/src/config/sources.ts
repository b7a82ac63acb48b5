// Where the text of a variable comes from: the environment, then `.env` in the working directory, then the file
// that `NAME_FILE` names. Files are opened once and judged by the open descriptor, so that nobody can swap them in between.
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { active } from './active.ts';
import { wrongName } from './names.ts';
import { reserved } from './reserved.ts';

const fileBytesMax = 65_536;

/** The texts that were found, by name, and what is wrong with them. Empty text counts as not set. */
export interface Gathered {
  readonly texts: ReadonlyMap<string, string>;
  /** One warning for each known name that nothing in this version reads. */
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

/** @param cwd where `.env` lies, and what relative `NAME_FILE` paths start from */
export function gather(env: Readonly<Record<string, string | undefined>>, cwd: string): Gathered {
  const problems: string[] = [];
  const dotenv = readDotenv(resolve(cwd, '.env'), problems);
  const merged = new Map([...set(dotenv.texts), ...set(env)]);
  if (merged.get('NODE_ENV') === 'production' && dotenv.open)
    problems.push('.env can be read or changed by others: run chmod 600 .env, or leave it out in production');
  for (const [name, value] of merged) {
    const wrong = wrongName(name, value);
    if (wrong !== undefined) problems.push(wrong);
  }
  const texts = new Map<string, string>();
  for (const [name, { secret }] of Object.entries(active)) {
    const value = secret ? secretText(name, merged, cwd, problems) : merged.get(name);
    if (value !== undefined) texts.set(name, value);
  }
  return { texts, warnings: unread(merged), problems };
}

function set(env: Readonly<Record<string, string | undefined>>): [string, string][] {
  return Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  );
}

function unread(merged: ReadonlyMap<string, string>): string[] {
  const found = [...reserved].filter(
    ([name, { secret }]) => merged.has(name) || (secret && merged.has(`${name}_FILE`)),
  );
  return found.map(([name]) => `nothing in this version reads ${name}`);
}

function secretText(
  name: string,
  merged: ReadonlyMap<string, string>,
  cwd: string,
  problems: string[],
): string | undefined {
  const file = merged.get(`${name}_FILE`);
  if (file === undefined) return merged.get(name);
  if (merged.has(name)) {
    problems.push(`${name} and ${name}_FILE are both set: keep one`);
    return undefined;
  }
  const read = readBounded(resolve(cwd, file));
  const content = read.content?.replace(/\r?\n$/, '');
  if (content !== undefined && content !== '') return content;
  problems.push(`${name}_FILE names a file that ${read.content === undefined ? read.failure : 'is empty'}`);
  return undefined;
}

function readDotenv(
  path: string,
  problems: string[],
): { texts: Readonly<Record<string, string | undefined>>; open: boolean } {
  const read = readBounded(path);
  if (read.content !== undefined) return { texts: parseEnv(read.content), open: (read.mode & 0o077) !== 0 };
  if (read.failure !== 'is not there') problems.push(`.env ${read.failure}`);
  return { texts: {}, open: false };
}

type Read =
  | { readonly content: string; readonly mode: number }
  | { readonly content: undefined; /** Completes "the file …". */ readonly failure: string };

function readBounded(path: string): Read {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const { mode, size } = fstatSync(descriptor);
    if (size > fileBytesMax) return { content: undefined, failure: `is larger than ${fileBytesMax} bytes` };
    return { content: readFileSync(descriptor, 'utf8').replace(/^\uFEFF/, ''), mode };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const failure =
      code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be read' : `cannot be read (${code})`;
    return { content: undefined, failure };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
