import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { openAudit } from './audit/record.ts';
import { claimIssuer, Receipt, redeem } from './receipt.ts';

const context = {
  tenant: 'group-1',
  actor: { type: 'person', id: 'u1' },
  source: 'api',
  correlation: 'r1',
} as const;
const act = 'tool.call';
const object = 'connection:shop';
const journal = {
  append: async () => undefined,
  queue: async () => undefined,
  offer: () => true,
  stampMs: () => 1,
};
const record = () => openAudit({ journal }).record('strict', context, { act, object });
const refused = { code: 'receipt_invalid' };

test('a receipt of the journal is good for its act on its object', async () => {
  redeem(await record(), act, object);
});

test('receipts of two audits of one process are as good as each other', async () => {
  const [first, second] = await Promise.all([record(), record()]);
  redeem(second, act, object);
  redeem(first, act, object);
});

test('a receipt is good once', async () => {
  const receipt = await record();
  redeem(receipt, act, object);
  assert.throws(() => redeem(receipt, act, object), refused);
});

describe('a receipt for something else is refused, and spent by it:', () => {
  test.each([
    ['another act', 'credential.export', object],
    ['another object', act, 'connection:other'],
    ['both in each other’s place', object, act],
  ])('%s', async (_, otherAct, otherObject) => {
    const receipt = await record();
    assert.throws(() => redeem(receipt, otherAct, otherObject), refused);
    assert.throws(() => redeem(receipt, act, object), refused);
  });
});

describe('what the journal did not issue is refused:', () => {
  const forgeries: [string, (good: Receipt) => unknown][] = [
    ['an object of the same shape', (good) => ({ entry: good.entry })],
    ['an object with the prototype', () => Object.create(Receipt.prototype)],
    ['a receipt of one’s own', (good) => new Receipt(good.entry)],
    ['a receipt of a class that extends it', (good) => new (class extends Receipt {})(good.entry)],
    ['a structured clone', (good) => structuredClone(good)],
    ['a copy of all properties', (good) => Object.assign(Object.create(Receipt.prototype), good)],
    ['a proxy', (good) => new Proxy(good, {})],
    ['text', (good) => good.entry],
    ['nothing', () => undefined],
  ];
  test.each(forgeries)('%s', async (_, forge) => {
    const good = await record();
    assert.throws(() => redeem(forge(good) as Receipt, act, object), refused);
    redeem(good, act, object);
  });
});

test('no receipt comes of a journal that cannot be written', async () => {
  const failing = { ...journal, append: () => Promise.reject(new Error('disk')) };
  await assert.rejects(openAudit({ journal: failing }).record('strict', context, { act, object }), /disk/);
});

test('changing the fields after recording does not change the receipt', async () => {
  const fields = { act, object } as { act: typeof act; object: string };
  const pending = openAudit({ journal }).record('strict', context, fields);
  fields.object = 'connection:other';
  const receipt = await pending;
  assert.throws(() => redeem(receipt, act, 'connection:other'), refused);
});

test('the right to issue is handed out once in a process', () => {
  assert.throws(() => claimIssuer(), refused);
});
