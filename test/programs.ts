import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Where a program of this machine lies. `undefined` when it is not there: what needs it is left out then, and that is
 * said on standard output.
 *
 * @param installed how to get it
 * @throws Error when it is missing on a continuous-integration machine (`CI=true`): there nothing may be left out
 */
export function programOrSkip(name: string, installed: string): string | undefined {
  const found = findProgram(name);
  if (found !== undefined) return found;
  const missing = `${name} is not installed (${installed})`;
  if (process.env['CI'] === 'true') throw new Error(missing);
  console.log(`skipped: ${missing}`);
  return undefined;
}

/** Where a program of this machine lies; `undefined` when it is not there. */
export function findProgram(name: string): string | undefined {
  // Where system programs lie is not on everybody's path.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find(runs);
}

function runs(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
