import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTopic, type Bus, type Records, type Topic } from '@sealgate/vault';
import { keptMs } from './page.ts';

// Every page that instances share lies under the epoch of its upstream, a record of its own. Dropping writes a new epoch
// and then tells the others: a page that is written late lies where nobody looks any more.

/** An epoch outlives every page that was written under the one before it. */
const epochMs = 3 * keptMs;
/** Of an upstream that has none, or none any more. */
const firstEpoch = '0';
/** An upstream may announce changes as fast as it can write: this is how often an epoch is written. */
const pauseMs = 1000;

/** One upstream of one group. */
export interface PagesOf {
  readonly tenant: string;
  readonly upstream: string;
}

/** What epochs stand on. */
export interface PageEpochParts {
  /** Sealed records of a group. */
  readonly recordsOf: (tenant: string) => Records;
  readonly news: Pick<Bus, 'publish' | 'subscribe'>;
  readonly now: () => number;
}

/** The epochs of all upstreams. */
export interface PageEpochs {
  /** @throws Refusal those of the records */
  read(of: PagesOf): Promise<string>;
  /** Whether the epoch that is read now may be one that was just dropped. */
  isChanging(of: PagesOf): boolean;
  /** Begin a new epoch, now and without anybody waiting for it. */
  renew(of: PagesOf): void;
  /** Called when another instance drops pages; with `undefined` when they may be those of any upstream. */
  onDropped(listener: (of: PagesOf | undefined) => void): void;
  close(): Promise<void>;
}

interface Renewal {
  /** Dropped, and no epoch was begun to be written since. */
  due: boolean;
  writing: boolean;
  droppedAtMs: number;
}

/** Open them. @throws Refusal `store_unavailable` when nothing can be heard of the others */
export async function openPageEpochs(parts: PageEpochParts): Promise<PageEpochs> {
  const topic = openTopic<PagesOf>(parts.news, 'tool-lists');
  const listeners = new Set<(of: PagesOf | undefined) => void>();
  const stop = await topic.hear((of) => listeners.forEach((listener) => listener(of)));
  const { isChanging, renew, close } = openRenewals(parts, topic);
  return {
    async read({ tenant, upstream }) {
      const found = await parts.recordsOf(tenant).get(nameOf(upstream));
      return found === undefined ? firstEpoch : Buffer.from(found.bytes).toString('utf8');
    },
    isChanging,
    renew,
    onDropped: (listener) => void listeners.add(listener),
    async close() {
      stop();
      await close();
    },
  };
}

function openRenewals(
  { recordsOf, now }: PageEpochParts,
  topic: Pick<Topic<PagesOf>, 'tell'>,
): Pick<PageEpochs, 'isChanging' | 'renew' | 'close'> {
  const renewals = new Map<string, Renewal>();
  const closed = new AbortController();
  const working = new Set<Promise<void>>();
  const write = async (of: PagesOf, renewal: Renewal): Promise<void> => {
    [renewal.due, renewal.writing] = [false, true];
    try {
      const epoch = Buffer.from(randomUUID());
      await recordsOf(of.tenant).put(nameOf(of.upstream), epoch, { endsAtMs: now() + epochMs });
    } catch {
      renewal.due = true;
    }
    renewal.writing = false;
    // A message that is lost costs the others five minutes at most, as any page does.
    await topic.tell(of).catch(() => undefined);
  };
  const renewAll = async (of: PagesOf, renewal: Renewal): Promise<void> => {
    // After five minutes nothing is left of what there was to be dropped.
    while (renewal.due && now() < renewal.droppedAtMs + keptMs && !closed.signal.aborted) {
      await write(of, renewal);
      await sleep(pauseMs, undefined, { ref: false, signal: closed.signal }).catch(() => undefined);
    }
  };
  return {
    isChanging(of) {
      const known = renewals.get(keyOf(of));
      return known !== undefined && (known.due || known.writing);
    },
    renew(of) {
      const known = renewals.get(keyOf(of));
      if (known !== undefined) return void Object.assign(known, { due: true, droppedAtMs: now() });
      const renewal = { due: true, writing: false, droppedAtMs: now() };
      renewals.set(keyOf(of), renewal);
      const work = renewAll(of, renewal).finally(() => {
        renewals.delete(keyOf(of));
        working.delete(work);
      });
      working.add(work);
    },
    async close() {
      closed.abort();
      await Promise.all(working);
    },
  };
}

function nameOf(upstream: string): string {
  return `epoch/${upstream}`;
}

function keyOf({ tenant, upstream }: PagesOf): string {
  return JSON.stringify([tenant, upstream]);
}
