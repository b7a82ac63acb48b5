import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readServersFile } from './servers-file.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealgate-servers-'));
  path = join(folder, 'mcp.json');
});
afterEach(() => rm(folder, { recursive: true }));

const refused = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'config_invalid', message: expect.stringMatching(message) as string });

it('is read when it is there, and missed only when it was named', async () => {
  expect(readServersFile({ path, named: false })).toBeUndefined();
  expect(() => readServersFile({ path, named: true })).toThrow(refused(/cannot be read/) as Error);
  await writeFile(path, '{}');
  expect(readServersFile({ path, named: false })).toBe('{}');
});

it('is refused when everybody may change it, and when it is no file', async () => {
  await writeFile(path, '{}');
  await chmod(path, 0o666);
  expect(() => readServersFile({ path, named: false })).toThrow(
    refused(/can be changed by everybody.*chmod o-w/) as Error,
  );
  expect(() => readServersFile({ path: folder, named: true })).toThrow(refused(/cannot be read/) as Error);
});
