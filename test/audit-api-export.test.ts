import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { productOf, runLine, type Said } from '../packages/server/src/cli/fixtures/command-line.ts';
import { openAudited, tenants, type Audited } from './fixtures/audited.ts';

// Exports of a running gateway with what proves them, taken by an auditor from elsewhere and verified there.

let stage: Audited;
let every: string;
let ours: string;
let vkey: string;
beforeAll(async () => {
  stage = await openAudited();
  await stage.calls(tenants.ours, 300);
  await stage.calls(tenants.theirs, 20);
  every = await stage.auditor('every', '*');
  ours = await stage.auditor('ours', tenants.ours);
  const policy = await stage.get('/audit/log/policy.json', every);
  [vkey = ''] = (JSON.parse(policy.body) as { readonly vkeys: string[] }).vkeys;
}, 60_000);
afterAll(() => stage.close());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealgate-exported-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** An auditor has no gateway and no configuration: asking for either fails. */
const nothing = (): never => {
  throw new Error('an auditor exports without it');
};
const audit = (argv: readonly string[], shown?: string): Promise<Said> =>
  runLine(productOf(nothing, { openHere: nothing, auditToken: () => shown }), ['audit', ...argv], {
    cwd: folder,
  });
const exportOf = (
  argv: readonly string[],
  shown: string | undefined,
  from = stage.server.origin,
): Promise<Said> => audit(['export', '--out', 'log', '--from', from, ...argv], shown);
const verified = async (): Promise<number> => (await audit(['verify', 'log', '--vkey', vkey])).code;
const exported = (): string => readFileSync(join(folder, 'log'), 'utf8');
function everyFile(): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return files.map((path) => path + (statSync(path).isFile() ? readFileSync(path, 'utf8') : '')).join('\n');
}

describe('an export of a running gateway', () => {
  it.each(['jsonl', 'csv', 'ocsf'])(
    'as %s is verified line by line where it was taken to',
    async (format) => {
      const said = await exportOf(['--format', format, '--json'], every);
      expect([said.stderr, said.code]).toEqual(['', 0]);
      expect(JSON.parse(said.stdout)).toMatchObject({ format, unproven: 0 });
      expect(await verified()).toBe(0);
      writeFileSync(join(folder, 'log'), exported().replace('tool-7', 'tool-8'));
      expect(await verified()).toBe(1);
    },
  );

  it('has nothing of another tenant in it for the auditor of one, nor beside it', async () => {
    expect((await exportOf(['--format', 'jsonl'], ours)).code).toBe(0);
    expect(exported().trimEnd().split('\n')).toHaveLength(600);
    expect(await verified()).toBe(0);
    expect(everyFile()).toContain(tenants.ours);
    expect(everyFile()).not.toContain(tenants.theirs);
  });

  it('is narrowed as one of the command line is', async () => {
    const argv = ['--format', 'jsonl', '--tenant', tenants.ours, '--outcome', 'failure', '--slower', '290'];
    const named = ['--act', 'tool.call', '--service', 'docs', '--source', 'mcp', '--since', '2026-01-01'];
    expect((await exportOf([...argv, ...named], every)).code).toBe(0);
    expect(exported().match(/"tool":"tool-\d+"/g)).toEqual(
      [291, 293, 295, 297, 299].map((n) => `"tool":"tool-${n}"`),
    );
    expect(await verified()).toBe(0);
    expect((await exportOf([...argv, ...named, '--correlation', 'x', '--force'], every)).code).toBe(0);
    expect(exported()).toBe('');
  });

  it('is text alone without a proof', async () => {
    expect((await exportOf(['--format', 'csv', '--no-proof'], ours)).code).toBe(0);
    expect(readdirSync(folder)).toEqual(['log']);
    expect(exported()).toBe((await stage.get('/audit/export?format=csv', ours)).body);
  });

  it.each([
    ['without a token', [], undefined, 'usage'],
    ['with a token of nobody', [], `sga_${'x'.repeat(43)}.ours`, 'unauthorized'],
    ['of another tenant', ['--tenant', tenants.theirs], 'ours', 'scope_insufficient'],
    ['of a parameter of everybody', ['--tenant', '*', '--param', 'a=b'], 'every', 'usage'],
  ])('is refused %s, and nothing is left', async (_, argv, shown, code) => {
    const token = { ours, every }[shown ?? ''] ?? shown;
    const said = await exportOf(['--format', 'jsonl', ...argv], token);
    expect([said.code === 0, said.stderr]).toEqual([false, expect.stringContaining(code)]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['as a whole log', ['--format', 'log', '--from', 'https://gate.example']],
    ['over the network in the clear', ['--format', 'jsonl', '--from', 'http://gate.example']],
    ['at an address with a password', ['--format', 'jsonl', '--from', 'https://a:b@gate.example']],
    ['of this machine with a token', ['--format', 'jsonl', '--token-file', 'any']],
  ])('is not asked for %s', async (_, argv) => {
    const said = await audit(['export', '--out', 'log', ...argv], every);
    expect([said.code === 0, readdirSync(folder)]).toEqual([false, []]);
  });
});

describe('a gateway that is none, at that address,', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });
  async function hostile(answer: (response: ServerResponse) => void): Promise<string> {
    server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server!.once('listening', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const text = { text: 'a line\n', reached: { entry: 1, of: 1 } };
  const end = { lines: 1, entries: 1, unproven: 0 };
  const file = (path: string) => ({ path, base64: '' });
  const lines = (...pieces: readonly object[]): string =>
    pieces.map((piece) => `${JSON.stringify(piece)}\n`).join('');

  it.each([
    ['an answer that ends before its end', lines(text)],
    ['more behind the end', lines(text, end, text)],
    ['a file outside the folder', lines(text, file('../../outside'), end)],
    ['a file of the whole disk', lines(text, file('/tmp/outside'), end)],
    ['one file twice', lines(text, file('export.json'), file('export.json'), end)],
    ['something else', '<html>'],
    ['nothing', ''],
    ['another kind of piece', lines({ text: 1 }, end)],
  ])('leaves nothing with %s', async (_, body) => {
    const said = await exportOf(
      ['--format', 'jsonl'],
      every,
      await hostile((response) => response.end(body)),
    );
    expect(said.code).not.toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['breaks off', (response: ServerResponse) => void response.write(lines(text), () => response.destroy())],
    ['answers nothing', (response: ServerResponse) => response.destroy()],
    ['sends elsewhere', (response: ServerResponse) => void response.writeHead(307, { location: '/' }).end()],
    ['fails', (response: ServerResponse) => void response.writeHead(500).end('\u001b[2Joops')],
  ])('is told of when it %s', async (_, answer) => {
    for (const proof of [[], ['--no-proof']]) {
      const said = await exportOf(['--format', 'jsonl', ...proof], every, await hostile(answer));
      expect([said.code === 0, said.stderr]).toEqual([false, expect.stringContaining('gateway_unreachable')]);
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('moves no cursor with its words', async () => {
    const refusal = { error: { code: 'unauthorized', message: 'no \u001b[2J\u202e entry' } };
    const answer = (response: ServerResponse) => response.writeHead(401).end(JSON.stringify(refusal));
    const said = await exportOf(['--format', 'jsonl'], every, await hostile(answer));
    expect(said.stderr).toContain('no ?[2J? entry');
    const behind = { ...end, unproven: 1, behind: 'why \u001b[2J\u202e not' };
    server?.close();
    const whole = await hostile((response) => response.end(lines(text, file('export.json'), behind)));
    expect((await exportOf(['--format', 'jsonl'], every, whole)).stdout).toContain('why ?[2J? not');
  });

  it('says what it likes, and no proof stands for it', async () => {
    const answer = (response: ServerResponse) => response.end(lines(text, file('export.json'), end));
    expect((await exportOf(['--format', 'jsonl'], every, await hostile(answer))).code).toBe(0);
    expect(await verified()).toBe(3);
  });
});
