import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

// What a client keeps of a login, made to look as if time had passed: values that the gateway does not take.

/**
 * Put values that are worth nothing in the place of tokens, in every JSON file below a home.
 *
 * @throws AssertionError when no file holds any of them
 */
export async function spoil(
  home: string,
  names: readonly ('access_token' | 'refresh_token')[],
): Promise<void> {
  const entries = await readdir(home, { recursive: true });
  let spoilt = 0;
  for (const file of entries.filter((each) => each.endsWith('.json')).map((each) => join(home, each))) {
    const text = await readFile(file, 'utf8');
    // Some keep JSON as a text within JSON.
    const pattern = new RegExp(`((?:${names.join('|')})\\\\?"\\s*:\\s*\\\\?")[^"\\\\]+`, 'g');
    const changed = text.replaceAll(pattern, (_, before: string) => {
      spoilt++;
      return `${before}outdated`;
    });
    if (changed !== text) await writeFile(file, changed);
  }
  assert.ok(spoilt > 0, `nothing below ${home} holds a token: ${entries.join(', ')}`);
}
