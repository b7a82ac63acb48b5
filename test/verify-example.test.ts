import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sampleLog, writeFiles } from '../packages/vault/src/audit-verify/fixtures/sample-log.ts';
import { tamperings } from '../packages/vault/src/audit-verify/fixtures/tamperings.ts';

// The program of docs/verify.md is the one beside this test, and that one is run.

const example = fileURLToPath(new URL('verify-example.ts', import.meta.url));
const page = readFileSync(new URL('../docs/verify.md', import.meta.url), 'utf8');
const { files, vkey } = sampleLog();
let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'verify-example-'))));
afterAll(() => rmSync(folder, { recursive: true }));

it('docs/verify.md is the example, block by block', () => {
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
  expect(blocks.join('\n')).toBe(readFileSync(example, 'utf8'));
});

it('the example tells a log that is whole from one that is not', async () => {
  await writeFiles(join(folder, 'log'), files);
  expect(await run([join(folder, 'log'), vkey])).toEqual({ code: 0, said: ['ok: 393 entries in 7 logs'] });
  await writeFiles(join(folder, 'edited'), tamperings[0]!.files(files));
  const { code, said } = await run([join(folder, 'edited'), vkey]);
  expect(code).toBe(1);
  expect(said.at(-1)).toBe('tampered: 393 entries in 7 logs');
  expect(said[0]).toMatch(/^tampered gate\.example\/audit\/acme\/202611 /);
});

it('docs/verify.md says of every finding what it means', () => {
  const room = new URL('../packages/vault/src/audit-verify/', import.meta.url);
  const told = readdirSync(room)
    .filter((name) => /(?<!\.test)\.ts$/.test(name))
    .flatMap((name) => [
      ...readFileSync(new URL(name, room), 'utf8').matchAll(/(?:says:|'log_unreadable',)\s+(['`])(.+?)\1/g),
    ])
    .map(([, , text = '']) => text.replaceAll(/\$\{[^}]+\}/g, '…'))
    // Bugs of ours and addresses that were refused before anything was verified.
    .filter((text) => !/^(this is no path|a log is read over)/.test(text));
  expect(told.length).toBeGreaterThan(20);
  expect(told.filter((text) => !page.includes(text.replace('… does', 'an anchor does')))).toEqual([]);
});

function run(argv: readonly string[]): Promise<{ readonly code: unknown; readonly said: readonly string[] }> {
  return new Promise((resolve) =>
    execFile(process.execPath, ['--conditions=@sealgate/source', example, ...argv], (error, stdout) =>
      resolve({ code: error?.code ?? 0, said: stdout.trim().split('\n') }),
    ),
  );
}
