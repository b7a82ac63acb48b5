import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogVerdict } from '@sealgate/vault/audit-verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { productOf, runLine, type Said } from '../packages/server/src/cli/fixtures/command-line.ts';
import { openAudited, tenants, type Audited } from './fixtures/audited.ts';
import { sealgate } from './start.ts';

// A running gateway's log, verified by its address: by somebody who has the address, a token and a key, and nothing else.

let stage: Audited;
let token: string;
let address: string;
let vkey: string;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sealgate-verified-'));
  stage = await openAudited();
  await stage.calls(tenants.ours, 300);
  await stage.calls(tenants.theirs, 20);
  token = await stage.auditor('verifier', '*');
  address = `${stage.server.origin}/audit/log`;
  await stage.server.ground.auditLog.catchUp();
  const policy = await stage.get('/audit/log/policy.json', token);
  [vkey = ''] = (JSON.parse(policy.body) as { readonly vkeys: string[] }).vkeys;
}, 60_000);
afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true });
});

/** Whoever verifies has no gateway and no configuration: asking for either fails. */
const nothing = (): never => {
  throw new Error('a log is verified without it');
};
const verify = (log: string, argv: readonly string[] = [], shown?: string): Promise<Said> =>
  runLine(
    productOf(nothing, { openHere: nothing, auditToken: () => shown }),
    ['audit', 'verify', log, '--vkey', vkey, ...argv],
    { cwd: folder },
  );
function tokenFile(text: string): string {
  const path = join(folder, 'auditor.token');
  writeFileSync(path, `${text}\n`);
  chmodSync(path, 0o600);
  return path;
}

describe('the log of a running gateway', () => {
  it('is verified by its address, with the token of a file', async () => {
    const said = await verify(address, ['--token-file', tokenFile(token), '--json']);
    const { state, findings, keys, entries } = JSON.parse(said.stdout) as LogVerdict;
    expect([said.code, state, findings, keys]).toEqual([0, 'ok', [], 'given']);
    expect(entries).toBeGreaterThan(640);
  });

  it('is verified by the program itself, with the token of the environment, which shows in nothing it prints', async () => {
    const env = { SEALGATE_AUDIT_TOKEN: token };
    const argv = ['audit', 'verify', address, '--vkey', vkey];
    const said = await sealgate(join(folder, 'none'), argv, { env });
    expect([said.code, said.stdout.split('\n')[0]]).toEqual([0, 'Ok: whole and unchanged']);
    expect(said.stdout + said.stderr).not.toContain(token.slice(0, 20));
  });

  it('is the log of before, and more, when it is verified again', async () => {
    const remembered = ['--remember', 'gate.json'];
    expect((await verify(address, remembered, token)).code).toBe(0);
    await stage.calls(tenants.ours, 30);
    await stage.server.ground.auditLog.catchUp();
    const again = await verify(address, [...remembered, '--json'], token);
    expect(JSON.parse(again.stdout)).toMatchObject({ state: 'ok', compared: { kept: true } });
  });

  it.each([
    ['without a token', undefined],
    ['with another', `sga_${'x'.repeat(43)}.verifier`],
  ])('is unreadable %s', async (_, shown) => {
    const said = await verify(address, [], shown);
    expect([said.code, said.stdout]).toEqual([3, expect.stringContaining('status 401')]);
  });

  it('is not given whole to an auditor of one tenant', async () => {
    const said = await verify(address, [], await stage.auditor('one', tenants.ours));
    expect(said.code).toBe(2);
  });

  it.each([
    ['a file that is not there', ['--token-file', 'none.token']],
    ['an empty file', ['--token-file', 'empty.token']],
    ['a file of more than a token', ['--token-file', 'two.token']],
  ])('is not asked for with %s', async (_, argv) => {
    writeFileSync(join(folder, 'empty.token'), '');
    writeFileSync(join(folder, 'two.token'), 'one two\n');
    expect((await verify(address, argv)).code).toBe(3);
  });

  it('is not given a token of a folder, nor one that stands in the address', async () => {
    expect((await verify('folder', ['--token-file', tokenFile(token)])).stderr).toContain('usage');
    expect((await verify(address.replace('//', `//${token}@`))).code).toBe(3);
  });
});

describe('somebody between the gateway and whoever verifies', () => {
  /** Passes everything on, and changes what a path like this is answered with. */
  async function between(path: RegExp, change: (bytes: Buffer) => Buffer): Promise<Server> {
    const server = createServer((incoming, outgoing) => {
      const { url: target = '/', headers } = incoming;
      const { authorization = '' } = headers;
      const asked = request(
        stage.server.origin,
        { path: target, headers: { authorization }, agent: false },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.once('end', () => {
            const bytes = Buffer.concat(chunks);
            outgoing.writeHead(answer.statusCode ?? 0).end(path.test(target) ? change(bytes) : bytes);
          });
        },
      );
      asked.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server;
  }
  const flipped = (bytes: Buffer): Buffer => {
    const changed = Buffer.from(bytes);
    const at = Math.floor(changed.length / 2);
    changed[at] = changed[at]! ^ 1;
    return changed;
  };

  it.each([
    ['a byte of a tile', /\/logs\/canary-tenant-one\/.*tile\/0\/000$/, flipped],
    ['a byte of the entries', /\/logs\/canary-tenant-one\/.*tile\/entries\/000$/, flipped],
    ['a byte of a tile of the log over all logs', /\/root\/tile\/0\//, flipped],
    ['a checkpoint', /\/logs\/canary-tenant-two\/.*checkpoint$/, flipped],
  ])('cannot change %s', async (_, path, change) => {
    const server = await between(path, change);
    try {
      const { port } = server.address() as AddressInfo;
      const said = await verify(`http://127.0.0.1:${port}/audit/log`, ['--json'], token);
      expect([said.code, (JSON.parse(said.stdout) as LogVerdict).state]).toEqual([1, 'tampered']);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
