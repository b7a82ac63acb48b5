import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testService } from '../testing/test-service.ts';

// Instances in processes of their own on a real Redis, who ask one bank for tokens.

const url = await testService('redis');
const program = fileURLToPath(new URL('mint.test.child.ts', import.meta.url));

/** A bank that counts the tokens it gives out, and answers when it is told to. */
interface Bank {
  readonly server: Server;
  readonly url: string;
  given: number;
  /** Questions that wait for an answer. */
  readonly waiting: ServerResponse[];
  holds: boolean;
}

async function openBank(): Promise<Bank> {
  const server = createServer((_, response) => {
    bank.given += 1;
    const token = `token-${bank.given}`;
    if (bank.holds) bank.waiting.push(response);
    else setTimeout(() => response.end(token), 50);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bank: Bank = { server, url: at, given: 0, waiting: [], holds: false };
  return bank;
}

describe.skipIf(url === undefined)('instances in several processes', () => {
  let bank: Bank;
  let directory: string;
  let told: string;
  const children: ChildProcess[] = [];
  const start = async (): Promise<ChildProcess> => {
    const child = fork(program, [told], { execArgv: ['--conditions=@sealgate/source'] });
    children.push(child);
    expect(await once(child, 'message')).toContain('connected');
    return child;
  };
  const ask = async (child: ChildProcess, callers: number): Promise<unknown> => {
    const answer = once(child, 'message');
    child.send({ callers });
    return (await answer)[0];
  };
  const held = async (count: number): Promise<void> => {
    while (bank.waiting.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  beforeEach(async () => {
    bank = await openBank();
    directory = await mkdtemp(join(tmpdir(), 'token-audit-'));
    const [prefix, key] = [`t${randomBytes(6).toString('hex')}:`, randomBytes(32).toString('hex')];
    told = JSON.stringify({ url, prefix, key, directory, bank: bank.url });
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    }
    bank.server.closeAllConnections();
    bank.server.close();
    await rm(directory, { recursive: true });
  });

  it('of 8 times 200 callers one makes the token, and each process has a journal', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, start));
    const answers = await Promise.all(all.map((child) => ask(child, 200)));
    expect(answers).toEqual(all.map(() => ({ tokens: ['token-1'] })));
    expect(bank.given).toBe(1);
    expect((await readdir(directory)).toSorted()).toEqual(all.map((_, n) => `tokens-${n + 1}`));
  });

  it('when the one that makes it is killed, one other makes it', async () => {
    const [first, ...others] = await Promise.all(Array.from({ length: 4 }, start));
    bank.holds = true;
    first?.send({ callers: 50 });
    await held(1);
    const answers = others.map((child) => ask(child, 50));
    bank.holds = false;
    first?.kill('SIGKILL');
    expect(await Promise.all(answers)).toEqual(others.map(() => ({ tokens: ['token-2'] })));
    expect(bank.given).toBe(2);
  });

  it('when the one that makes it was frozen, it overwrites nothing and gives the new token', async () => {
    const [first, other] = [await start(), await start()];
    bank.holds = true;
    const slow = ask(first, 1);
    await held(1);
    first.kill('SIGSTOP');
    bank.holds = false;
    expect(await ask(other, 1)).toEqual({ tokens: ['token-2'] });
    bank.waiting[0]?.end('token-1');
    first.kill('SIGCONT');
    expect(await slow).toEqual({ tokens: ['token-2'] });
    expect(await ask(other, 1)).toEqual({ tokens: ['token-2'] });
    expect(bank.given).toBe(2);
  });
});
