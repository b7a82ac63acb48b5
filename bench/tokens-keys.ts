import { randomBytes } from 'node:crypto';
import {
  envKey,
  memoryBus,
  memoryRecords,
  memoryTables,
  openAudit,
  openSealer,
  type Audit,
  type KeyProvider,
} from '@sealgate/vault';
import { drawn } from '@sealgate/vault/testing';
import { SecureTokenManager } from '@sealgate/vault/tokens';
import { atLeast, type Bar } from './bars.ts';

// What a key service is asked in a day: the token manager itself, under a clock that is moved, with a key service that
// counts. A call that finds a token, or stores one, is one that would ask the key service if nothing were kept in memory.

const dayMs = 24 * 60 * 60 * 1000;

/** One day, or a part of it. */
interface Day {
  readonly name: string;
  readonly instances: number;
  readonly sharedKeys: boolean;
  readonly clients: number;
  /** Whether some clients ask more than others (Zipf's law), or all the same. */
  readonly zipf: boolean;
  readonly calls: number;
  readonly lastsMs: number;
  /** Least percentage of questions that are not asked; `undefined` where there is no aim. */
  readonly savedMin: number | undefined;
}

const uniform = { clients: 100, zipf: false, calls: 1_000_000, lastsMs: dayMs } as const;
const days: readonly Day[] = [
  {
    name: '100 clients, 1 M calls a day, 1 instance',
    ...uniform,
    instances: 1,
    sharedKeys: false,
    savedMin: 95,
  },
  {
    name: '100 clients, 1 M calls a day, 3 instances, shared keys',
    ...uniform,
    instances: 3,
    sharedKeys: true,
    savedMin: 95,
  },
  {
    name: '100 clients, 1 M calls a day, 3 instances, each for itself',
    ...uniform,
    instances: 3,
    sharedKeys: false,
    savedMin: undefined,
  },
  {
    name: '1,000 clients, Zipf, 1,000 calls a second',
    instances: 1,
    sharedKeys: false,
    clients: 1000,
    zipf: true,
    calls: 1_200_000,
    lastsMs: 1_200_000,
    savedMin: 98,
  },
];

/** Live through each of them. */
export async function keysAsked(): Promise<readonly Bar[]> {
  const bars: Bar[] = [];
  for (const day of days) {
    const { asked, calls } = await live(day);
    const saved = 100 * (1 - asked / calls);
    console.log(`${day.name}: ${asked} questions for ${calls} calls, ${saved.toFixed(2)} % saved`);
    if (day.savedMin !== undefined)
      bars.push(atLeast(`questions saved, ${day.name}`, saved, '%', day.savedMin));
  }
  return bars;
}

async function live(day: Day): Promise<{ readonly asked: number; readonly calls: number }> {
  const clock = { ms: Date.UTC(2026, 0, 1) };
  const now = (): number => clock.ms;
  const counted = countedKeys();
  const records = memoryRecords({ now });
  const bus = memoryBus();
  const managers: SecureTokenManager[] = [];
  for (let n = 0; n < day.instances; n += 1) {
    const audit = await auditOf(counted.provider, now);
    const { sharedKeys } = day;
    const manager = new SecureTokenManager({
      records,
      bus,
      provider: counted.provider,
      audit,
      now,
      sharedKeys,
    });
    await manager.connect();
    managers.push(manager);
  }
  const draw = drawn(20260101);
  const client = day.zipf ? zipf(day.clients, draw) : () => Math.floor(draw() * day.clients);
  let calls = 0;
  const [beganMs, beatMs] = [clock.ms, day.lastsMs / day.calls];
  for (let n = 0; calls < day.calls; n += 1) {
    clock.ms = beganMs + Math.floor(n * beatMs);
    const manager = managers[Math.floor(draw() * managers.length)]!;
    const name = `client-${client()}`;
    calls += 1;
    if ((await manager.getToken(name, 'stripe')) === null) await manager.storeToken(name, 'stripe', 'token');
  }
  for (const manager of managers) await manager.disconnect();
  return { asked: counted.asked(), calls };
}

// Lines are sealed, a batch every few seconds of the day, and dropped: what the journal asks the key service for counts.
async function auditOf(provider: KeyProvider, now: () => number): Promise<Audit> {
  const sealer = await openSealer({ tables: memoryTables({ now }), provider, now });
  let lines = 0;
  const place = {
    tenant: '_system',
    subject: '',
    table: 'journal',
    record: 'bench',
    field: 'batch',
    epoch: 0,
  };
  const queue = async (line: string): Promise<void> => {
    lines += 1;
    if (lines % 100 === 0) await sealer.seal('journal', place, Buffer.from(line));
  };
  return openAudit({ journal: { append: queue, queue, offer: () => true, stampMs: now } });
}

function countedKeys(): { readonly provider: KeyProvider; readonly asked: () => number } {
  const provider = envKey(randomBytes(32).toString('hex'));
  let asked = 0;
  return {
    asked: () => asked,
    provider: {
      ...provider,
      generate: (request) => ((asked += 1), provider.generate(request)),
      unwrap: (request) => ((asked += 1), provider.unwrap(request)),
    },
  };
}

function zipf(count: number, draw: () => number): () => number {
  const sums: number[] = [];
  let sum = 0;
  for (let n = 1; n <= count; n += 1) sums.push((sum += 1 / n));
  return () => {
    const wanted = draw() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? sum) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
