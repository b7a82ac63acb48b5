import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openAudit } from '../audit/record.ts';
import type { Audit } from '../audit/audit.ts';
import { sealedTables } from '../keys/sealed-tables.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import type { Bus, Listener } from '../store/bus.ts';
import { memoryBus } from '../store/memory/bus.ts';
import { memoryTables, type MemoryTables } from '../store/memory/tables.ts';
import type { ConnectionChange } from './connection-changes.ts';
import { objectOf, openConnections, type ConnectionRows } from './connections.ts';
import { foundLifeMs } from './found-rows.ts';
import { openGate } from './use.ts';

// Two instances on one store. What one of them changes counts at the other: at once when the bus brings it, and in
// `foundLifeMs` at the latest.

const sealer = oneKeySealer();
let nowMs: number;
let tables: MemoryTables;
let bus: Bus;
let audit: Audit;
let one: ConnectionRows;
let other: ConnectionRows;
beforeEach(async () => {
  nowMs = 1_000_000;
  tables = memoryTables({ now: () => nowMs });
  bus = memoryBus();
  const journal = {
    append: async () => undefined,
    queue: async () => undefined,
    offer: () => true,
    stampMs: () => nowMs,
  };
  audit = openAudit({ journal });
  one = openConnections(sealedTables(tables, sealer), () => nowMs);
  other = openConnections(sealedTables(tables, sealer), () => nowMs);
});
afterEach(() => bus.close());

const failures: unknown[] = [];
const follow = (rows: ConnectionRows, on: Pick<Bus, 'publish' | 'subscribe'> = bus) =>
  rows.follow(on, (error) => failures.push(error));

const context = {
  tenant: 'g1',
  actor: { type: 'person', id: 'u1' },
  source: 'mcp',
  correlation: 'c',
} as const;

async function set(rows: ConnectionRows, secret: string, name = 'default') {
  const object = objectOf('g1', rows.idOf('shop', 'u1', name));
  const receipt = await audit.record('strict', context, { act: 'connection.set', object });
  const placement = { in: 'env', name: 'KEY' } as const;
  const described = { tenant: 'g1', subject: 'u1', upstream: 'shop', name, placement, origin: '' };
  return rows.set(receipt, described, Buffer.from(secret));
}

async function remove(rows: ConnectionRows) {
  const connectionId = rows.idOf('shop', 'u1', 'default');
  const object = objectOf('g1', connectionId);
  const receipt = await audit.record('strict', context, { act: 'connection.remove', object });
  return rows.remove(receipt, 'g1', connectionId);
}

const found = (rows: ConnectionRows) => rows.find('g1', 'u1', 'shop', 'default');

function hear(rows: ConnectionRows): (ConnectionChange | undefined)[] {
  const heard: (ConnectionChange | undefined)[] = [];
  rows.onChange((change) => heard.push(change));
  return heard;
}

const carry = () => Promise.reject(new Error('nothing is sent here'));
const lendAt = (rows: ConnectionRows) =>
  openGate({ connections: rows, audit, carry, now: () => nowMs }).lendToChild({
    context,
    subject: 'u1',
    upstream: 'shop',
    required: true,
    request: {},
  });

describe('two instances that hear each other', () => {
  let stopOther: () => void;
  beforeEach(async () => {
    await follow(one);
    stopOther = await follow(other);
  });

  it('both lend the new credential, and after its removal none, without any time passing', async () => {
    await expect(lendAt(other)).rejects.toMatchObject({ code: 'credential_missing' });
    const heard = hear(other);
    const { epoch } = await set(one, 'first');
    await vi.waitFor(() =>
      expect(heard).toMatchObject([{ is: 'set', tenant: 'g1', upstream: 'shop', epoch }]),
    );
    expect(await lendAt(other)).toMatchObject({ environment: { KEY: 'first' }, connection: { epoch } });
    await set(one, 'second');
    await vi.waitFor(() => expect(heard).toHaveLength(2), 15_000);
    expect((await lendAt(other)).environment).toEqual({ KEY: 'second' });
    await remove(one);
    const connectionId = one.idOf('shop', 'u1', 'default');
    await vi.waitFor(
      () => expect(heard[2]).toMatchObject({ is: 'removed', subject: 'u1', connectionId }),
      15_000,
    );
    await expect(lendAt(other)).rejects.toMatchObject({ code: 'credential_missing' });
  });

  it('whoever changes something hears of it once, before the change is answered', async () => {
    const [mine, theirs] = [hear(one), hear(other)];
    await set(one, 'first');
    expect(mine).toHaveLength(1);
    await vi.waitFor(() => expect(theirs).toHaveLength(1), 15_000);
    expect(mine).toHaveLength(1);
  });

  it('the secret is in no message', async () => {
    const messages: string[] = [];
    await bus.subscribe('connections', {
      changed: (payload) => void messages.push(payload),
      flush: () => undefined,
    });
    await set(one, 'a-secret-that-is-told-to-nobody');
    await vi.waitFor(() => expect(messages).toHaveLength(1), 15_000);
    expect(messages[0]).not.toContain('a-secret');
  });

  it('a change whose names do not fit into a message is told as one of anything', async () => {
    const heard = hear(other);
    const upstream = 'x'.repeat(600);
    const connectionId = one.idOf(upstream, '', 'default');
    const object = objectOf('g1', connectionId);
    const receipt = await audit.record('strict', context, { act: 'connection.set', object });
    const placement = { in: 'env', name: 'KEY' } as const;
    const described = { tenant: 'g1', subject: '', upstream, name: 'default', placement, origin: '' };
    await one.set(receipt, described, Buffer.from('secret'));
    await set(one, 'told');
    await vi.waitFor(() => expect(heard.at(-1)).toMatchObject({ upstream: 'shop' }), 15_000);
    expect(heard.slice(0, -1)).toEqual([undefined]);
  });

  it('who stops following hears nothing more and tells nobody', async () => {
    stopOther();
    const [mine, theirs] = [hear(one), hear(other)];
    await set(other, 'alone');
    await set(one, 'last');
    await new Promise(setImmediate);
    expect([mine.length, theirs.length]).toEqual([1, 1]);
  });
});

it('a row that was being read when the change was heard of does not count', async () => {
  await set(one, 'first');
  const gates: (() => void)[] = [];
  const slow: typeof tables = {
    ...tables,
    async get(table, key) {
      const stored = await tables.get(table, key);
      if (table === 'connections') await new Promise<void>((open) => gates.push(open));
      return stored;
    },
  };
  const late = openConnections(sealedTables(slow, sealer), () => nowMs);
  await follow(one);
  await follow(late);
  const heard = hear(late);
  const reading = found(late);
  await vi.waitFor(() => expect(gates).toHaveLength(1), 15_000);
  await remove(one);
  await vi.waitFor(() => expect(heard).toHaveLength(1), 15_000);
  gates[0]?.();
  const stale = await reading;
  expect(stale?.row.connectionId).toBe(one.idOf('shop', 'u1', 'default'));
  // What the gate opens is read once more.
  const now = late.current(stale!);
  await vi.waitFor(() => expect(gates).toHaveLength(2), 15_000);
  gates[1]?.();
  expect(await now).toBeUndefined();
});

/** A bus that loses everything; its listeners can be told to flush. */
function deafBus() {
  const listeners = new Set<Listener>();
  const silent: Pick<Bus, 'publish' | 'subscribe'> = {
    publish: async () => undefined,
    subscribe: async (_, listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return { silent, listeners };
}

describe('a message that is lost', () => {
  it('is made up for by a flush: everything counts as changed', async () => {
    const { silent, listeners } = deafBus();
    await follow(one, silent);
    await follow(other, silent);
    await set(one, 'first');
    expect((await lendAt(other)).environment).toEqual({ KEY: 'first' });
    await remove(one);
    const heard = hear(other);
    for (const listener of listeners) listener.flush();
    expect(heard).toEqual([undefined]);
    await expect(lendAt(other)).rejects.toMatchObject({ code: 'credential_missing' });
  });

  it('keeps a removed credential in use for five seconds at most', async () => {
    const { silent } = deafBus();
    await follow(one, silent);
    await follow(other, silent);
    await set(one, 'first');
    expect((await lendAt(other)).environment).toEqual({ KEY: 'first' });
    await remove(one);
    nowMs += foundLifeMs;
    await expect(lendAt(other)).rejects.toMatchObject({ code: 'credential_missing' });
  });

  it('says nothing readable, and is taken for a change of anything, when it is of another version', async () => {
    await follow(other);
    const heard = hear(other);
    for (const payload of ['', 'no json', '[]', 'null', '{"from":"x"}', '"text"'])
      await bus.publish('connections', payload);
    await vi.waitFor(() => expect(heard).toEqual(Array(6).fill(undefined)), 15_000);
  });
});

it('a bus that is away fails no change, and is reported', async () => {
  failures.length = 0;
  const down = { publish: () => Promise.reject(new Error('down')), subscribe: bus.subscribe };
  await follow(one, down);
  const { connectionId } = await set(one, 'kept');
  expect((await found(other))?.row.connectionId).toBe(connectionId);
  expect(await remove(one)).toBe(true);
  expect(failures).toMatchObject([{ message: 'down' }, { message: 'down' }]);
});
