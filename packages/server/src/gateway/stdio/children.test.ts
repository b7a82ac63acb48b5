import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { tiny } from '../link/fixtures/upstreams.ts';
import { ask, connect, isAlive, openRoom, type Room } from './fixtures/parts.ts';

const credential = { in: 'env', name: 'KEY' } as const;
let room: Room;
let folder: string;
let starts: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealgate-children-'));
  starts = join(folder, 'starts');
});
afterEach(async () => {
  await room.close();
  await rm(folder, { recursive: true });
});

const started = async (): Promise<string[]> =>
  (await readFile(starts, 'utf8').catch(() => '')).trim().split('\n').filter(Boolean);

describe('a child without a credential', () => {
  test('is started by the first request, once for everybody, and serves all of the group', async () => {
    room = await openRoom([tiny('tiny', { env: { STARTS: starts } })]);
    expect(room.stdio.children.count()).toBe(0);
    const people = Array.from({ length: 8 }, (_, n) =>
      connect(room, 'tiny', { subject: `u${n % 3}`, modern: n % 2 === 0 }),
    );
    const pids = await Promise.all((await Promise.all(people)).map((client) => ask(client, 'pid')));
    expect(new Set(pids).size).toBe(1);
    // Twice: a probe of the newer era, which somebody wanted, and the child itself.
    expect(room.lines.filter(({ act }) => act === 'child.start')).toHaveLength(2);
    expect(await started()).toHaveLength(2);
  });

  test.each([
    ['by the first client of the newer era, and by no other', true, 2],
    ['not at all by a client of the older era', false, 1],
  ])('is probed for its era %s', async (_, modern, startsFirst) => {
    room = await openRoom([tiny('tiny', { env: { STARTS: starts } })]);
    const client = await connect(room, 'tiny', { modern });
    await ask(client, 'die').catch(() => undefined);
    expect(await started()).toHaveLength(startsFirst);
    await until(() => room.stdio.children.count() === 0);
    await until(() => ask(client, 'pid').then(Boolean, () => false));
    expect(await started()).toHaveLength(startsFirst + 1);
  });

  test('has an environment made from nothing', async () => {
    room = await openRoom([tiny('tiny', { env: { PLAIN: 'setting' } })]);
    process.env['GATEWAY_ONLY'] = 'secret-of-the-gateway';
    const client = await connect(room, 'tiny');
    const names = (await ask(client, 'names')).split(',').filter((name) => !name.startsWith('npm_'));
    delete process.env['GATEWAY_ONLY'];
    expect(names).toContain('PLAIN');
    expect(
      names.filter(
        (name) =>
          !['CHILD_OF_SEALGATE', 'HOME', 'LOGNAME', 'PATH', 'PLAIN', 'SHELL', 'TERM', 'USER'].includes(name),
      ),
    ).toEqual([]);
  });
});

describe('a child with a credential', () => {
  const secret = 'sk-verysecret/value+1';

  test('gets it in its environment, and nothing it says shows it', async () => {
    room = await openRoom([tiny('tiny', { credential })]);
    room.setCredential('tiny', 'u1', { KEY: secret });
    for (const modern of [false, true]) {
      const client = await connect(room, 'tiny', { modern });
      expect(await ask(client, 'env', { name: 'KEY' })).toBe('*'.repeat(secret.length));
      const encoded = Buffer.from(secret).toString('base64').replaceAll('=', '');
      expect(await ask(client, 'echo', { text: `a ${encodeURIComponent(secret)} b ${encoded}` })).toMatch(
        /^a \*+ b \*+$/,
      );
      const echoed = await client.callTool({ name: 'echo', arguments: { text: secret } });
      const failed = await client
        .callTool({ name: 'fail', arguments: { message: secret } })
        .catch((error: unknown) => error);
      await ask(client, 'whisper', { line: `my key is ${secret}` });
      expect(JSON.stringify([echoed, failed, String(failed)])).not.toContain(secret);
    }
    expect(room.logged.join('\n')).toMatch(/my key is \*+/);
    expect(room.logged.join('\n') + JSON.stringify(room.lines)).not.toContain(secret);
  });

  test('keeps it out of what is said about a failed start', async () => {
    room = await openRoom([tiny('tiny', { credential, env: { FALL: '1' } })]);
    room.setCredential('tiny', 'u1', { KEY: secret });
    const error = await connect(room, 'tiny').catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('ended before it answered');
    expect(String(error) + room.logged.join('\n')).not.toContain(secret);
  });

  test('is one for each conversation, also where all have the credential of the group', async () => {
    room = await openRoom([tiny('tiny', { credential })]);
    room.setCredential('tiny', 'u1', { KEY: 'first-secret' });
    room.setCredential('tiny', '', { KEY: 'group-secret' });
    const pidOf = async (subject: string) => ask(await connect(room, 'tiny', { subject }), 'pid');
    const [own, group, groupAgain] = [await pidOf('u1'), await pidOf('u2'), await pidOf('u3')];
    expect(new Set([own, group, groupAgain]).size).toBe(3);
  });

  test('ends when it is replaced, and the next call has the new one', async () => {
    room = await openRoom([tiny('tiny', { credential })]);
    room.setCredential('tiny', 'u1', { KEY: 'old' });
    const client = await connect(room, 'tiny');
    const pid = await ask(client, 'pid');
    expect(await ask(client, 'env', { name: 'KEY' })).toBe('old');
    room.setCredential('tiny', 'u1', { KEY: 'new' });
    expect(await ask(client, 'env', { name: 'KEY' })).toBe('new');
    await until(() => !isAlive(pid));
  });

  test('ends when it is removed, also when it will not', async () => {
    room = await openRoom([tiny('tiny', { credential, env: { STUBBORN: '1' } })]);
    room.setCredential('tiny', 'u1', { KEY: 'old' });
    const client = await connect(room, 'tiny');
    const pid = await ask(client, 'pid');
    room.setCredential('tiny', 'u1', undefined);
    await expect(ask(client, 'pid')).rejects.toThrow(/no credential is set/);
    await until(() => !isAlive(pid));
  });

  test('is never left running with a credential that was replaced while it started', async () => {
    room = await openRoom([tiny('tiny', { credential, env: { STARTS: starts } })]);
    room.setCredential('tiny', 'u1', { KEY: 'old' });
    const connecting = connect(room, 'tiny');
    await until(async () => (await started()).length > 0);
    room.setCredential('tiny', 'u1', { KEY: 'new' });
    const client = await connecting;
    expect(await ask(client, 'env', { name: 'KEY' })).toBe('new');
    const pid = await ask(client, 'pid');
    await until(async () => (await started()).every((other) => other === pid || !isAlive(other)));
  });
});

describe('a child that fails', () => {
  test('is named with what to change', async () => {
    await writeFile(join(folder, 'plain'), 'not a program', { mode: 0o644 });
    room = await openRoom([
      tiny('missing', { command: 'no-such-command-anywhere' }),
      tiny('nowhere', { cwd: '/no/such/folder' }),
      tiny('forbidden', { command: join(folder, 'plain') }),
    ]);
    await expect(connect(room, 'missing')).rejects.toThrow(/not found.*no-such-command-anywhere/);
    await expect(connect(room, 'nowhere')).rejects.toThrow(
      /working directory that does not exist: \/no\/such\/folder/,
    );
    await expect(connect(room, 'forbidden')).rejects.toThrow(/may not be run/);
  });

  test('is not started again at once', async () => {
    let nowMs = 1_000_000;
    room = await openRoom([tiny('tiny', { env: { FALL: '1', STARTS: starts } })], {}, () => nowMs);
    await expect(connect(room, 'tiny')).rejects.toThrow(/ended before it answered/);
    const before = (await started()).length;
    await expect(connect(room, 'tiny')).rejects.toThrow(/tried again in 1 s/);
    expect(await started()).toHaveLength(before);
    nowMs += 600;
    await expect(connect(room, 'tiny')).rejects.toThrow(/ended before it answered/);
    await expect(connect(room, 'tiny')).rejects.toThrow(/tried again in 1 s/);
  });

  test('fails the call it was answering and is started again for the next', async () => {
    room = await openRoom([tiny()]);
    const client = await connect(room, 'tiny');
    const pid = await ask(client, 'pid');
    await expect(ask(client, 'die')).rejects.toThrow(/ended before it answered/);
    await until(() =>
      ask(client, 'pid').then(
        (next) => next !== pid,
        () => false,
      ),
    );
    expect(isAlive(pid)).toBe(false);
  });
});

describe('children altogether', () => {
  test('are bounded: an idle one makes room, busy ones are kept', async () => {
    room = await openRoom([tiny('a'), tiny('b'), tiny('c')], { childrenMax: 2 });
    const pid = await ask(await connect(room, 'a', { modern: true }), 'pid');
    const busy = await connect(room, 'b');
    await ask(await connect(room, 'c', { modern: true }), 'pid');
    await until(() => !isAlive(pid));
    expect(room.stdio.children.count()).toBe(2);
    await connect(room, 'c');
    await expect(connect(room, 'a')).rejects.toThrow(/too many upstream processes/);
    expect(await ask(busy, 'echo', { text: 'still here' })).toBe('still here');
  });

  test('end when nobody uses them', async () => {
    room = await openRoom([tiny()], { idleSeconds: 0.2 });
    const pid = await ask(await connect(room, 'tiny', { modern: true }), 'pid');
    await until(() => !isAlive(pid));
    expect(room.stdio.children.count()).toBe(0);
  });

  test('end with the gateway, the stubborn too', async () => {
    room = await openRoom([tiny('a'), tiny('b', { env: { STUBBORN: '1' } })]);
    const pids = [await ask(await connect(room, 'a'), 'pid'), await ask(await connect(room, 'b'), 'pid')];
    await room.stdio.close();
    expect(pids.map(isAlive)).toEqual([false, false]);
    await expect(connect(room, 'a')).rejects.toThrow(/stopping/);
  });

  test('of a retired upstream end', async () => {
    room = await openRoom([tiny()]);
    const pid = await ask(await connect(room, 'tiny'), 'pid');
    await room.stdio.children.retire('g1', 'tiny');
    expect(isAlive(pid)).toBe(false);
  });
});

test('nothing reaches a child without an entry', async () => {
  room = await openRoom([tiny()]);
  const client = await connect(room, 'tiny');
  await ask(client, 'pid');
  room.breakJournal();
  await expect(ask(client, 'whisper', { line: 'reached' })).rejects.toThrow(/journal/);
  await expect(connect(room, 'tiny')).rejects.toThrow(/journal/);
  expect(room.logged.join('\n')).not.toContain('reached');
});
