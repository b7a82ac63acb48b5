import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditContext, Entry } from '../audit/entry.ts';
import { openJournal, type Journal } from '../audit/journal.ts';
import { openAudit } from '../audit/record.ts';
import type { Audit } from '../audit/audit.ts';
import { envKey } from '../keys/env-key.ts';
import { openSealer, type OpenedSealer } from '../keys/open-sealer.ts';
import { sealedTables } from '../keys/sealed-tables.ts';
import { Receipt } from '../receipt.ts';
import { memoryTables, type MemoryTables } from '../store/memory/tables.ts';
import { objectOf, openConnections, type ConnectionRows } from './connections.ts';
import type { Gate, Use } from './gate.ts';
import type { Answer, Carry, Outgoing } from './loan.ts';
import type { Placement } from './placement.ts';
import { openGate } from './use.ts';

const secret = 'k3y-of-the-shop-0001';
const bearer: Placement = { in: 'header', name: 'authorization', scheme: 'bearer' };
const context: AuditContext = {
  tenant: 'g1',
  actor: { type: 'person', id: 'u1' },
  source: 'mcp',
  correlation: '01890000-0000-7000-8000-000000000000',
};
const use: Use = {
  context,
  subject: 'u1',
  upstream: 'shop',
  act: 'tool.call',
  required: true,
  request: { method: 'tools/call', tool: 'buy' },
};
const outgoing: Outgoing = {
  origin: 'https://shop.example',
  path: '/mcp',
  method: 'POST',
  headers: {},
  body: undefined,
  signal: new AbortController().signal,
};

let directory = '';
let tables: MemoryTables;
let sealer: OpenedSealer;
let journal: Journal;
let journalOpen: boolean;
let audit: Audit;
let connections: ConnectionRows;
let sent: Outgoing[];
let answer: (outgoing: Outgoing) => Promise<Answer>;
let gate: Gate;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gate-'));
  tables = memoryTables({ now: Date.now });
  sealer = await openSealer({ tables, provider: envKey(randomBytes(32).toString('base64')), now: Date.now });
  journal = await openJournal({ path: join(directory, 'journal.db'), sealer, now: Date.now });
  journalOpen = true;
  audit = openAudit({ journal });
  connections = openConnections(sealedTables(tables, sealer), Date.now);
  sent = [];
  answer = async () => ({ status: 200, headers: {}, body: Buffer.from('{}') });
  const carry: Carry = (request) => {
    sent.push(request);
    return answer(request);
  };
  gate = openGate({ connections, audit, carry, now: Date.now });
});
afterEach(async () => {
  await closeJournal();
  await sealer.close();
  rmSync(directory, { recursive: true });
});

async function closeJournal(): Promise<void> {
  if (journalOpen) await journal.close();
  journalOpen = false;
}

async function set(subject: string, value = secret, placement = bearer, origin = 'https://shop.example') {
  const object = objectOf('g1', connections.idOf('shop', subject, 'default'));
  const receipt = await audit.record('strict', context, { act: 'connection.set', object });
  const described = { tenant: 'g1', subject, upstream: 'shop', name: 'default', placement, origin };
  return connections.set(receipt, described, Buffer.from(value));
}

async function call(wanted = use, request = outgoing): Promise<Answer> {
  let answered: Answer | undefined;
  await gate.use(wanted, async (lent) => {
    answered = await lent(request);
    return { out: 'success' };
  });
  return answered!;
}

async function entries(): Promise<Entry[]> {
  await journal.append(JSON.stringify({ v: 1, act: 'flush' }));
  const page = await journal.page({ order: 'oldest', limit: 100 });
  return page.entries.filter((entry) => entry.act !== 'flush' && entry.act !== 'connection.set') as Entry[];
}

describe('a use through the gate', () => {
  it('sends the person’s credential in the one request', async () => {
    await set('u1');
    await call();
    expect(sent.map((request) => request.headers['authorization'])).toEqual([`Bearer ${secret}`]);
  });

  it('prefers the person’s own credential to the group’s', async () => {
    await set('', 'the-key-of-the-group');
    await call();
    await set('u1', 'the-key-of-u1-alone');
    await call();
    await call({ ...use, subject: 'u2' });
    expect(sent.map((request) => request.headers['authorization'])).toEqual([
      'Bearer the-key-of-the-group',
      'Bearer the-key-of-u1-alone',
      'Bearer the-key-of-the-group',
    ]);
  });

  it('writes the attempt before anything is sent, and the outcome after', async () => {
    const { connectionId } = await set('u1');
    answer = async () => {
      const onDisk = (await journal.page({ order: 'newest', limit: 1 })).entries;
      expect(onDisk[0]).toMatchObject({
        act: 'tool.call',
        obj: objectOf('g1', connectionId),
        svc: 'shop',
      });
      return { status: 200, headers: {}, body: Buffer.from('{}') };
    };
    await call();
    const [attempt, outcome] = await entries();
    expect(attempt).toMatchObject({
      cls: 'strict',
      act: 'tool.call',
      req: { method: 'tools/call', tool: 'buy' },
    });
    expect(outcome).toMatchObject({ cause: attempt!.id, out: 'success' });
  });

  it('audits a call that needs no credential as well', async () => {
    await call({ ...use, required: false });
    expect(sent[0]!.headers).toEqual({});
    expect((await entries())[0]).toMatchObject({ act: 'tool.call', obj: 'upstream:shop' });
  });

  it('scrubs what the upstream says back', async () => {
    await set('u1');
    answer = async () => ({
      status: 200,
      headers: { 'x-echo': secret },
      body: Buffer.from(`{"got":"${secret}"}`),
    });
    const answered = await call();
    expect(
      JSON.stringify(answered.headers) + Buffer.from(answered.body as Uint8Array).toString(),
    ).not.toContain(secret);
  });

  it('puts the secret nowhere but in the request', async () => {
    await set('u1');
    await call();
    await closeJournal();
    expect(JSON.stringify((await tables.scan('connections', { limit: 10 })).items)).not.toContain(secret);
    expect(JSON.stringify(await connections.list('g1'))).not.toContain(secret);
    expect(readFileSync(join(directory, 'journal.db')).includes(secret)).toBe(false);
  });
});

describe('the gate refuses', () => {
  it('a call without a credential, and says where to set one', async () => {
    await expect(call()).rejects.toMatchObject({
      code: 'credential_missing',
      message: expect.stringContaining('sealgate connections set shop'),
    });
    expect(sent).toEqual([]);
    expect((await entries())[1]).toMatchObject({ out: 'denied', code: 'credential_missing' });
  });

  it('another person’s and another group’s credential', async () => {
    await set('u2');
    await expect(call()).rejects.toMatchObject({ code: 'credential_missing' });
    await set('u1');
    await expect(call({ ...use, context: { ...context, tenant: 'g2' } })).rejects.toMatchObject({
      code: 'credential_missing',
    });
    expect(sent).toEqual([]);
  });

  it.each([
    'http://shop.example',
    'https://shop.example:8443',
    'https://evil.example',
    'https://shop.example.evil.example',
  ])('to send it to %s', async (origin) => {
    await set('u1');
    await expect(call(use, { ...outgoing, origin })).rejects.toMatchObject({
      code: 'credential_misdirected',
    });
    expect(sent).toEqual([]);
  });

  it('a second request through one loan, also when the first is still under way', async () => {
    await set('u1');
    const twice = gate.use(use, async (lent) => {
      await Promise.all([lent(outgoing), lent(outgoing)]);
      return { out: 'success' };
    });
    await expect(twice).rejects.toMatchObject({ code: 'loan_spent' });
    expect(sent).toHaveLength(1);
  });

  it('to open anything when the attempt cannot be written', async () => {
    await set('u1');
    await closeJournal();
    await expect(call()).rejects.toMatchObject({ code: 'audit_unavailable' });
    expect(sent).toEqual([]);
  });

  it('a sealed credential that was moved to another person’s row', async () => {
    const mine = await set('u1');
    const theirs = await set('u2', 'the-key-of-u2-alone');
    const rowOf = (connectionId: string) => tables.get('connections', { groupId: 'g1', connectionId });
    const stolen = (await rowOf(theirs.connectionId))!.item['credential']!;
    await tables.put('connections', { ...(await rowOf(mine.connectionId))!.item, credential: stolen });
    await expect(call()).rejects.toMatchObject({ code: 'open_failed' });
    expect(sent).toEqual([]);
  });

  it('an older credential put back into its own row', async () => {
    const { connectionId } = await set('u1');
    const old = (await tables.get('connections', { groupId: 'g1', connectionId }))!.item['credential']!;
    await set('u1', 'the-key-that-came-after');
    const row = (await tables.get('connections', { groupId: 'g1', connectionId }))!.item;
    await tables.put('connections', { ...row, credential: old });
    await expect(call()).rejects.toMatchObject({ code: 'open_failed' });
  });

  it('a change without a receipt of its own', async () => {
    const described = {
      tenant: 'g1',
      subject: 'u1',
      upstream: 'shop',
      name: 'default',
      placement: bearer,
      origin: 'https://shop.example',
    };
    const object = objectOf('g1', connections.idOf('shop', 'u1', 'default'));
    const forged = new Receipt('01890000-0000-7000-8000-000000000000');
    const other = await audit.record('strict', context, { act: 'connection.remove', object });
    for (const receipt of [forged, other])
      await expect(connections.set(receipt, described, Buffer.from(secret))).rejects.toMatchObject({
        code: 'receipt_invalid',
      });
    expect(await connections.list('g1')).toEqual([]);
  });
});

describe('a credential for a child', () => {
  it('is lent as an environment, and a listener hears when it changes', async () => {
    const changes: unknown[] = [];
    gate.onChange((change) => changes.push(change?.connectionId));
    const { connectionId } = await set('u1', secret, { in: 'env', name: 'API_KEY' }, '');
    expect(await gate.lendToChild(use)).toMatchObject({
      environment: { API_KEY: secret },
      connection: { connectionId },
    });
    const receipt = await audit.record('strict', context, {
      act: 'connection.remove',
      object: objectOf('g1', connectionId),
    });
    expect(await connections.remove(receipt, 'g1', connectionId)).toBe(true);
    expect(changes).toEqual([connectionId, connectionId]);
    await expect(gate.lendToChild(use)).rejects.toMatchObject({ code: 'credential_missing' });
  });

  it('is never one that was set for HTTP', async () => {
    await set('u1');
    await expect(gate.lendToChild(use)).rejects.toMatchObject({ code: 'credential_misdirected' });
  });
});
