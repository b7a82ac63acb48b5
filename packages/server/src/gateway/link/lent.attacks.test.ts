import {
  memoryBus,
  memoryTables,
  objectOf,
  openConnections,
  openGate,
  sealedTables,
  type Bus,
  type ConnectionRows,
  type Gate,
  type Tables,
} from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { memoryAudit } from '../../domain/fixtures/memory-audit.ts';
import type { Log } from '../../log.ts';
import { boundGate } from '../bounded-gate.ts';
import { openEras } from './eras.ts';
import { isAlive } from '../stdio/fixtures/parts.ts';
import { contextOf } from './fixtures/stage.ts';
import { tiny } from './fixtures/upstreams.ts';
import { linkLimits } from './limits.ts';
import { openLinks } from './links.ts';
import { openVerdicts } from './verdict.ts';

// Two instances, one store. A credential that is taken away at one of them is held by children of the other: they end,
// and nobody reaches them any more, whether the bus brings the news or not.

const sealer = oneKeySealer();
const { audit } = memoryAudit();
const upstream = tiny('tiny', { credential: { in: 'env', name: 'KEY' } });

let tables: Tables;
let bus: Bus;
let deaf: boolean;
let nowMs: number;
const closers: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  nowMs = Date.now();
  tables = memoryTables({ now: Date.now });
  bus = memoryBus();
  deaf = false;
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Instance {
  readonly gate: Gate;
  readonly connections: ConnectionRows;
  /** What the child of this person answers: its process id. */
  pid(subject?: string): Promise<string>;
  flush(): void;
}

/** @param lookSeconds between two looks; so seldom that a test never sees one when not given */
async function openInstance(lookSeconds = 1000): Promise<Instance> {
  const now = (): number => nowMs;
  const connections = openConnections(sealedTables(tables, sealer), now);
  let flush = (): void => undefined;
  const lossy: Pick<Bus, 'publish' | 'subscribe'> = {
    publish: async (topic, payload) => (deaf ? undefined : bus.publish(topic, payload)),
    subscribe: (topic, listener) => ((flush = listener.flush), bus.subscribe(topic, listener)),
  };
  closers.push(await connections.follow(lossy, (error) => expect.fail(String(error))));
  const carry = () => Promise.reject(new Error('nothing is sent over HTTP here'));
  const gate = boundGate(openGate({ connections, audit, carry, now }));
  const silent = () => undefined;
  const links = openLinks({
    audit,
    gate,
    eras: openEras(tables, Date.now),
    verdicts: openVerdicts(tables, Date.now),
    limits: { ...linkLimits, lookSeconds },
    log: { debug: silent, info: silent, warn: silent, error: silent } as unknown as Log,
    now: Date.now,
    version: '0.0.0',
  });
  closers.push(() => links.close());
  return {
    gate,
    connections,
    flush: () => flush(),
    async pid(subject = 'ann') {
      const context = contextOf(subject);
      const hear = () => undefined;
      const ask = () => Promise.reject(new Error('nobody answers'));
      const { link } = await links.reach({
        context,
        subject,
        upstream,
        capabilities: {},
        holder: undefined,
        alone: false,
        prefer: 'legacy',
        listener: { subject, level: undefined, uris: new Set(), hear, ask },
        resume: undefined,
        place: undefined,
        request: {},
      });
      const signal = new AbortController().signal;
      const sending = { context, signal, timeoutMs: 10_000, onProgress: undefined };
      const result = await link.request('tools/call', { name: 'pid', arguments: {} }, sending);
      return (result as { readonly content: readonly [{ readonly text: string }] }).content[0].text;
    },
  };
}

async function set({ connections }: Instance, secret: string, subject = 'ann'): Promise<void> {
  const object = objectOf('g1', connections.idOf('tiny', subject, 'default'));
  const receipt = await audit.record('strict', contextOf('admin'), { act: 'connection.set', object });
  const placement = { in: 'env', name: 'KEY' } as const;
  const described = { tenant: 'g1', subject, upstream: 'tiny', name: 'default', placement, origin: '' };
  await connections.set(receipt, described, Buffer.from(secret));
}

async function remove({ connections }: Instance, subject = 'ann'): Promise<void> {
  const connectionId = connections.idOf('tiny', subject, 'default');
  const object = objectOf('g1', connectionId);
  const receipt = await audit.record('strict', contextOf('admin'), { act: 'connection.remove', object });
  await connections.remove(receipt, 'g1', connectionId);
}

const ended = (pid: string): Promise<void> =>
  vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 8000, interval: 20 });
const missing = { code: 'credential_missing' };

describe('a credential that is taken away at another instance', () => {
  test.each(['ann', ''])('ends the child that holds it, and nobody gets another (of "%s")', async (whose) => {
    const [a, b] = [await openInstance(), await openInstance()];
    await set(a, 'first-secret', whose);
    const pid = await b.pid();
    expect(isAlive(pid)).toBe(true);
    await remove(a, whose);
    await ended(pid);
    await expect(b.pid()).rejects.toMatchObject(missing);
  });

  test('is replaced in the child of whoever uses it, and in nobody else’s', async () => {
    const [a, b] = [await openInstance(), await openInstance()];
    await set(a, 'first-secret');
    await set(a, 'secret-of-bob', 'bob');
    const [anns, bobs] = [await b.pid(), await b.pid('bob')];
    await set(a, 'second-secret');
    await ended(anns);
    expect(await b.pid()).not.toBe(anns);
    expect(await b.pid('bob')).toBe(bobs);
  });

  test('leaves the child alone that holds what came after it, however late the news is', async () => {
    const [a, b] = [await openInstance(), await openInstance()];
    const heard: string[] = [];
    await set(a, 'first-secret');
    const late: (() => void)[] = [];
    const publish = bus.publish;
    bus.publish = async (...message) => void late.push(() => void publish(...message));
    await remove(a);
    nowMs += 10_000;
    await set(a, 'second-secret');
    const pid = await b.pid();
    b.gate.onChange((change) => heard.push(String(change?.is)));
    for (const deliver of late) deliver();
    await vi.waitFor(() => expect(heard).toEqual(['removed', 'set']), 15_000);
    expect(await b.pid()).toBe(pid);
  });
});

describe('when the bus loses the message', () => {
  test('a call five seconds later is refused, and the child it would have reached ends', async () => {
    const [a, b] = [await openInstance(), await openInstance()];
    await set(a, 'first-secret');
    const pid = await b.pid();
    deaf = true;
    await remove(a);
    nowMs += 5000;
    await expect(b.pid()).rejects.toMatchObject(missing);
    await ended(pid);
  });

  test('a child that nobody calls is found by the next look', async () => {
    const [a, b] = [await openInstance(), await openInstance(0.1)];
    await set(a, 'first-secret');
    await set(a, 'secret-of-bob', 'bob');
    const [pid, bobs] = [await b.pid(), await b.pid('bob')];
    deaf = true;
    await remove(a);
    nowMs += 5000;
    await ended(pid);
    expect(isAlive(bobs)).toBe(true);
  });

  test('a flush is enough, without any time passing', async () => {
    const [a, b] = [await openInstance(), await openInstance()];
    await set(a, 'first-secret');
    await set(a, 'secret-of-bob', 'bob');
    const [pid, bobs] = [await b.pid(), await b.pid('bob')];
    deaf = true;
    await remove(a);
    b.flush();
    await ended(pid);
    await expect(b.pid()).rejects.toMatchObject(missing);
    expect(await b.pid('bob')).toBe(bobs);
  });
});

test('a look at a store that does not answer ends nothing, and a call is refused rather than let through', async () => {
  const answering = { ...tables };
  let down = false;
  tables = {
    ...tables,
    get: (table, key) =>
      down && table === 'connections' ? Promise.reject(new Error('down')) : answering.get(table, key),
  };
  const [a, b] = [await openInstance(), await openInstance()];
  await set(a, 'first-secret');
  const pid = await b.pid();
  down = true;
  b.flush();
  await expect(b.pid()).rejects.toThrow('down');
  down = false;
  expect(await b.pid()).toBe(pid);
});
