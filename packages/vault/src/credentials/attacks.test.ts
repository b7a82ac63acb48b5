import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Act } from '../audit/acts.ts';
import type { AuditContext, AuditOutcome } from '../audit/entry.ts';
import { openAudit } from '../audit/record.ts';
import { envKey } from '../keys/env-key.ts';
import { openSealer, type OpenedSealer } from '../keys/open-sealer.ts';
import { sealedTables } from '../keys/sealed-tables.ts';
import { sqliteTables, type SqliteTables } from '../store/sqlite/tables.ts';
import { objectOf, openConnections, type ConnectionRows } from './connections.ts';
import type { Gate, Lent } from './gate.ts';
import type { Outgoing } from './loan.ts';
import { openGate } from './use.ts';

// Two people with a credential each, on a real file. Somebody who can write the file, and somebody who is quick, want
// a credential to go where it must not.

const outgoing: Outgoing = {
  origin: 'https://shop.example',
  path: '/mcp',
  method: 'POST',
  headers: {},
  body: undefined,
  signal: new AbortController().signal,
};

let directory: string;
let tables: SqliteTables;
let sealer: OpenedSealer;
let connections: ConnectionRows;
let gate: Gate;
let sent: Outgoing[];
let outcomes: AuditOutcome[];
/** What happens while an attempt is on its way to the disk. */
let meanwhile: () => Promise<unknown>;

const journal = {
  append: async (line: string) => {
    if (line.includes('"tool.call"') || line.includes('"child.lend"')) await meanwhile();
  },
  queue: async () => undefined,
  offer: (line: string) => outcomes.push(JSON.parse(line) as AuditOutcome) > 0,
  stampMs: Date.now,
};
const audit = openAudit({ journal });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gate-attacks-'));
  tables = sqliteTables({ file: join(directory, 'main.db'), now: Date.now, networkMount: false });
  sealer = await openSealer({ tables, provider: envKey(randomBytes(32).toString('hex')), now: Date.now });
  connections = openConnections(sealedTables(tables, sealer), Date.now);
  sent = [];
  outcomes = [];
  meanwhile = async () => undefined;
  const carry = async (request: Outgoing) => {
    sent.push(request);
    return { status: 200, headers: {}, body: Buffer.alloc(0) };
  };
  gate = openGate({ connections, audit, carry, now: Date.now });
  for (const person of ['alice', 'bob']) await set(person, `the-key-of-${person}`);
});
afterEach(async () => {
  await sealer.close();
  await tables.close();
  rmSync(directory, { recursive: true });
});

function contextOf(person: string): AuditContext {
  return { tenant: 'g1', actor: { type: 'person', id: person }, source: 'mcp', correlation: 'c' };
}

async function receiptFor(act: Act, person: string) {
  const object = objectOf('g1', connections.idOf('shop', person, 'default'));
  return audit.record('strict', contextOf(person), { act, object });
}

async function set(person: string, secret: string, env = false) {
  const placement = env
    ? ({ in: 'env', name: 'API_KEY' } as const)
    : ({ in: 'header', name: 'authorization', scheme: 'bearer' } as const);
  const described = { tenant: 'g1', subject: person, upstream: 'shop', name: 'default', placement };
  const wanted = { ...described, origin: env ? '' : outgoing.origin };
  return connections.set(await receiptFor('connection.set', person), wanted, Buffer.from(secret));
}

async function remove(person: string) {
  const receipt = await receiptFor('connection.remove', person);
  return connections.remove(receipt, 'g1', connections.idOf('shop', person, 'default'));
}

async function call(person: string, work: (lent: Lent) => Promise<unknown> = (lent) => lent(outgoing)) {
  const use = { subject: person, upstream: 'shop', act: 'tool.call' as const, required: true, request: {} };
  await gate.use({ ...use, context: contextOf(person) }, async (lent) => {
    await work(lent);
    return { out: 'success' };
  });
}

const keysSent = () => sent.map(({ headers }) => headers['authorization']);

describe('a row of connections that was edited in the file', () => {
  const ofBob = `(SELECT doc FROM connections WHERE k_sk = 'shop#bob#default')`;
  const sealedOfBob = `json_extract(${ofBob}, '$.credential')`;
  it.each([
    ['with another origin', `json_set(doc, '$.origin', 'https://evil.example')`, 'open_failed'],
    ['with no origin', `json_remove(doc, '$.origin')`, 'open_failed'],
    ['with another header', `json_set(doc, '$.placement.name', 'x-logged')`, 'open_failed'],
    [
      'with a place in the address',
      `json_set(doc, '$.placement', json('{"in":"query","name":"q"}'))`,
      'open_failed',
    ],
    [
      'with a place in a child',
      `json_set(doc, '$.placement', json('{"in":"env","name":"K"}'))`,
      'open_failed',
    ],
    ['with another person’s secret', `json_set(doc, '$.credential', ${sealedOfBob})`, 'open_failed'],
    ['with another person', `json_set(doc, '$.subject', 'bob')`, 'open_failed'],
    ['with another epoch', `json_set(doc, '$.epoch', 5)`, 'open_failed'],
    ['into another person’s row', ofBob, 'store_unavailable'],
  ])('%s sends nothing anywhere', async (_, doc, code) => {
    const db = new DatabaseSync(join(directory, 'main.db'));
    db.exec(`UPDATE connections SET doc = ${doc} WHERE k_sk = 'shop#alice#default'`);
    db.close();
    const anywhere = (lent: Lent) => lent({ ...outgoing, origin: 'https://evil.example' });
    await expect(call('alice', anywhere)).rejects.toMatchObject({ code });
    await expect(call('alice')).rejects.toMatchObject({ code });
    expect(sent).toEqual([]);
    await call('bob');
    expect(keysSent()).toEqual(['Bearer the-key-of-bob']);
  });

  it('is used as before when only the order of its names changes', async () => {
    const db = new DatabaseSync(join(directory, 'main.db'));
    const turned = `json_set(doc, '$.placement', json('{"scheme":"bearer","name":"authorization","in":"header"}'))`;
    db.exec(`UPDATE connections SET doc = ${turned} WHERE k_sk = 'shop#alice#default'`);
    db.close();
    await call('alice');
    expect(keysSent()).toEqual(['Bearer the-key-of-alice']);
  });
});

describe('a credential that changes while the attempt is on its way to the disk', () => {
  it('is not used any more when it was removed', async () => {
    meanwhile = () => remove('alice');
    await expect(call('alice')).rejects.toMatchObject({ code: 'credential_missing' });
    expect(sent).toEqual([]);
    expect(outcomes).toMatchObject([{ out: 'denied', code: 'credential_missing' }]);
  });

  it('is the new one when it was replaced', async () => {
    meanwhile = () => set('alice', 'the-new-key-of-alice');
    await call('alice');
    expect(keysSent()).toEqual(['Bearer the-new-key-of-alice']);
  });

  it('is the new one at its new place when it was removed and set again', async () => {
    meanwhile = async () => {
      await remove('alice');
      await set('alice', 'the-new-key-of-alice', true);
    };
    await expect(call('alice')).rejects.toMatchObject({ code: 'credential_misdirected' });
    expect(sent).toEqual([]);
  });

  it('is not lent to a child any more', async () => {
    await set('alice', 'the-key-of-alice', true);
    meanwhile = () => remove('alice');
    const use = { subject: 'alice', upstream: 'shop', required: true, request: {} };
    const lent = gate.lendToChild({ ...use, context: contextOf('alice') });
    await expect(lent).rejects.toMatchObject({ code: 'credential_missing' });
  });

  it('is used as it was when another person’s changes', async () => {
    meanwhile = () => remove('bob');
    await call('alice');
    expect(keysSent()).toEqual(['Bearer the-key-of-alice']);
  });
});

describe('a loan', () => {
  it('that is kept is worth nothing once the work has ended', async () => {
    let kept: Lent | undefined;
    await call('alice', async (lent) => void (kept = lent));
    await expect(kept!(outgoing)).rejects.toMatchObject({ code: 'loan_spent' });
    await expect(call('alice', (lent) => ((kept = lent), Promise.reject(new Error('x'))))).rejects.toThrow(
      'x',
    );
    await expect(kept!(outgoing)).rejects.toMatchObject({ code: 'loan_spent' });
    expect(sent).toEqual([]);
  });

  it('to a child has one outcome, also when the credential was set for another place', async () => {
    const use = { subject: 'alice', upstream: 'shop', required: true, request: {} };
    const lent = gate.lendToChild({ ...use, context: contextOf('alice') });
    await expect(lent).rejects.toMatchObject({ code: 'credential_misdirected' });
    expect(outcomes).toMatchObject([{ out: 'error', code: 'credential_misdirected' }]);
  });
});

it('removers and setters of one connection that meet tell of every change', async () => {
  const told: unknown[] = [];
  connections.onChange((change) => told.push(change?.epoch));
  const work = Array.from({ length: 8 }, (_, turn) =>
    turn % 2 === 0 ? set('alice', `key-${turn}`) : remove('alice'),
  );
  const done = await Promise.allSettled(work);
  const changes = done.filter((each) => each.status === 'fulfilled' && each.value !== false);
  expect(told).toHaveLength(changes.length);
});

it('a receipt for one tenant’s connection is none for another whose names run together', () => {
  expect(objectOf('g/x', 'y#z#default')).not.toBe(objectOf('g', 'x/y#z#default'));
  expect(objectOf('g%2fx', 'y')).not.toBe(objectOf('g/x', 'y'));
});
