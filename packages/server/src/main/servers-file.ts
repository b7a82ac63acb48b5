import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { refuse } from '../errors.ts';

/**
 * Read the servers file. What it names is run with the rights of the gateway, so whoever can change it could read every
 * key: a file that everybody may write is refused.
 *
 * @param file `named`: somebody set its path, so that a missing file is an error
 * @returns `undefined` when there is none
 * @throws Refusal `config_invalid`
 */
export function readServersFile({ path, named }: { path: string; named: boolean }): string | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (!named && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
  try {
    if ((fstatSync(file).mode & 0o002) !== 0)
      throw refuse(
        'config_invalid',
        `${path} can be changed by everybody, and what it names is run: chmod o-w ${path}`,
      );
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : unreadable(path, error);
  } finally {
    closeSync(file);
  }
}

function unreadable(path: string, error: unknown) {
  return refuse('config_invalid', `the servers file ${path} cannot be read`, String(error), error);
}
