import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { sqliteTables, type Tables } from '@sealgate/vault';
import { folded, openMessages, type Messages } from '../packages/server/src/domain/messages.ts';
import { atMost, median, type Bar } from './bars.ts';
import { watchNeighbours } from './neighbours.ts';
import type { Part } from './stores-sessions.ts';
import { compared } from './quiet-rounds.ts';
import { inTurns, type Turns } from './turns.ts';

// Pages and searches of one conversation as it grows, on SQLite. A search finds nothing and so looks at all it may. Every
// request is a turn of its own, so that the longest hold of the event loop is that of one request.

const sizes = { '1 k': 1000, '100 k': 100_000, '1 M': 1_000_000 } as const;
/** As long as a message may be: the most bytes that a request meets. */
const long = { name: 'long messages', count: 1000, bytes: 64 * 1024 };
const pageMessages = 50;
const growthMax = 1.3;
const holdMsMax = 20;
const holdRounds = 9;
const holdRoundsCounted = 3;
const holdCalls = 20;
const transactionSteps = 100;
const words = 'the quick brown fox jumps over a lazy dog while seven wizards box'.split(' ');
const startMs = 1_700_000_000_000;

/** Reading messages in one role of 1 k, 100 k and 1 M of them. */
export async function messagesOnSqlite(): Promise<Part> {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-messages-'));
  const tables = sqliteTables({ file: join(folder, 'messages.db'), now: Date.now });
  try {
    for (const [name, count] of Object.entries(sizes)) await fill(tables, name, count, 120);
    await fill(tables, long.name, long.count, long.bytes);
    return await measured(openMessages(tables, Date.now));
  } finally {
    await tables.close();
    await rm(folder, { recursive: true });
  }
}

async function measured(messages: Messages): Promise<Part> {
  const names = Object.keys(sizes) as (keyof typeof sizes)[];
  const turns: Turns[] = [];
  const bars: Bar[] = [];
  for (const act of ['newest page', 'page from anywhere', 'search'] as const) {
    const ways = names.map((name) => ({
      name,
      call: (n: number) => requested(messages, act, { name, count: sizes[name] }, n),
    }));
    const taken = await inTurns({ name: `${act}, messages on SQLite`, inFlight: 1 }, ways);
    turns.push(taken);
    if (act !== 'search')
      for (const name of names.slice(1))
        bars.push(
          atMost(
            `${act} of ${name} messages, p50`,
            compared(taken, [name, '1 k'], (a, b) => a.p50Us / b.p50Us),
            '× that of 1 k',
            growthMax,
          ),
        );
  }
  for (const act of ['page from anywhere', 'search'] as const)
    for (const [name, count] of [...Object.entries(sizes).slice(-1), [long.name, long.count] as const])
      bars.push(
        atMost(
          `event loop held by a ${act === 'search' ? act : 'page'}, ${name}`,
          await longestHold((n) => requested(messages, act, { name, count }, n)),
          'ms',
          holdMsMax,
        ),
      );
  return { bars, turns };
}

type Act = 'newest page' | 'page from anywhere' | 'search';

async function requested(
  messages: Messages,
  act: Act,
  { name, count }: { readonly name: string; readonly count: number },
  n: number,
): Promise<void> {
  await nextTurn();
  const conversation = { userId: 'someone', roleId: roleOf(name) };
  if (act === 'search') {
    await messages.search(conversation, { words: 'not there', limit: 20 });
    return;
  }
  const before =
    act === 'newest page' ? undefined : sortKeyAt(((n * 7919) % (count - pageMessages)) + pageMessages);
  const page = await messages.page(conversation, { limit: pageMessages, before });
  if (page.messages.length === 0) throw new Error('a page is empty');
}

/** Milliseconds: the middle one of the least disturbed rounds, since a machine that others use holds a loop as well. */
async function longestHold(call: (n: number) => Promise<void>): Promise<number> {
  const rounds: { readonly othersShare: number; readonly heldMs: number }[] = [];
  for (let round = 0; round < holdRounds; round += 1) {
    const othersShare = await watchNeighbours([]);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let n = 0; n < holdCalls; n += 1) await call(n);
    delay.disable();
    rounds.push({ othersShare: await othersShare(), heldMs: delay.max / 1e6 });
  }
  const counted = rounds.toSorted((a, b) => a.othersShare - b.othersShare).slice(0, holdRoundsCounted);
  return median(counted.map(({ heldMs }) => heldMs));
}

// As `append` writes them, many in one transaction.
async function fill(tables: Tables, name: string, count: number, bytes: number): Promise<void> {
  const steps = Math.max(1, Math.min(transactionSteps, Math.floor(1_000_000 / (2 * bytes))));
  for (let from = 0; from < count; from += steps) {
    const items = Array.from({ length: Math.min(steps, count - from) }, (_, n) =>
      itemAt(name, from + n, bytes),
    );
    await tables.transact(items.map((item) => ({ put: 'messages', item })));
  }
}

function itemAt(name: string, n: number, bytes: number) {
  const text = textOf(n, bytes);
  return {
    roleKey: `someone#${roleOf(name)}`,
    sortKey: sortKeyAt(n),
    messageId: randomUUID(),
    createdAtMs: startMs + n,
    author: n % 2 === 0 ? 'user' : 'assistant',
    text,
    folded: folded(text),
  };
}

function textOf(n: number, bytes: number): string {
  const sentence = Array.from({ length: 12 }, (_, at) => words[(n * 31 + at * 7) % words.length]).join(' ');
  return `${n} ${sentence} `.repeat(Math.ceil(bytes / sentence.length)).slice(0, bytes);
}

function sortKeyAt(n: number): string {
  return `${new Date(startMs + n).toISOString()}#${String(n).padStart(12, '0')}`;
}

function roleOf(name: string): string {
  return name.replaceAll(' ', '-');
}
