import { setTimeout as sleep } from 'node:timers/promises';
import type { Disclosed, PublishedFiles, Refusal, SealedLog, Segments, TagsOf } from '@sealgate/vault';
import { asRefusal, openFaults } from './audit-faults.ts';
import { openTags } from './audit-tags.ts';
import { publishedFormer } from './former-logs.ts';
import { openLogFiles, type AuditLogParts } from './log-files.ts';
import { openRounds } from './rounds.ts';

// The journal is what a call waits for; from there its entries are sealed into logs that strangers can check, a second later.
// When that fails nothing is lost and no call is refused: it is told once, counted, and tried again.

const everySecond = { firstMs: 1000, everyMs: 1000 };
/** As many entries may wait to be sealed before attempts wait for that, too. */
const backlogMax = 500_000;
/** How long closing may take; what is not sealed by then is sealed after the next start. */
const closeMs = 2000;

/** How sealing does. */
export interface AuditLogHealth {
  /** Whether the last attempt failed. */
  readonly failing: boolean;
  /** Attempts that failed since the opening. */
  readonly failures: number;
  /** Entries sealed since the opening. */
  readonly sealed: number;
  /** Entries that waited to be sealed, when it was looked at last. */
  readonly backlog: number;
}

/** The sealed log of this instance. */
export interface AuditLog {
  /** Begin to seal, again and again. @param gap told once of each fault that leaves a gap for good */
  start(gap: (refusal: Refusal) => void): void;
  /** From now on others are served here: seal on a thread of its own. */
  makeWay(): void;
  /** Seal and publish what the journal holds. @returns why that was not possible; `undefined` when it is done */
  catchUp(): Promise<Refusal | undefined>;
  /** @throws Refusal when it cannot be opened now */
  log(): Promise<SealedLog>;
  /** What was published of the log of a former instance. @throws as {@link publishedFormer} */
  former(mark: string, disclose?: Disclosed): Promise<PublishedFiles>;
  /** What it lies in. @throws as {@link log} */
  segments(): Promise<Segments>;
  /** The keys that parameters of calls are tagged with. */
  readonly tagsOf: TagsOf;
  /**
   * Remove the secret that a tenant's log was made with. It lies sealed under the tenant's own key, so it is lost with that
   * key, whether it can be removed now or not.
   *
   * @returns whether there was one, and it was removed
   */
  forget(tenant: string): Promise<boolean>;
  /** Whether so many entries wait to be sealed that more should not come as fast. Not while sealing fails: that ends nobody's work. */
  isBehind(): boolean;
  health(): AuditLogHealth;
  /** Seal what is left, within two seconds, and close its files. The journal is still open. */
  close(): Promise<void>;
}

/** The log; what it lies in is opened at the first use. */
export function openAuditLog(parts: AuditLogParts): AuditLog {
  const { journal } = parts;
  const faults = openFaults(parts.log);
  const files = openLogFiles(parts, faults.gotOver);
  const begunWith = journal.health().end.batch;
  let sealed = 0;
  let serving = false;
  let closing = false;
  const catchUp = async (): Promise<Refusal | undefined> => {
    try {
      const { sealed: log, sealing } = await files.opened();
      const more = await (serving && sealing !== undefined ? sealing : log).run();
      sealed += more;
      faults.mended();
      return undefined;
    } catch (error) {
      return closing ? asRefusal(error, 'the audit log is closed') : faults.failed(error);
    }
  };
  const rounds = openRounds(catchUp, everySecond);
  const backlog = watchBacklog(files);
  return {
    start(gap) {
      faults.listen(gap);
      rounds.start();
      backlog.start();
    },
    makeWay: () => void (serving = true),
    catchUp,
    tagsOf: openTags({ opened: files.openedNow, open: async () => (await files.opened()).sealed.keyring }),
    log: async () => (await files.opened()).sealed,
    former: (mark, disclose) => publishedFormer(parts, mark, disclose),
    segments: async () => (await files.opened()).segments,
    forget: (tenant) =>
      files.forget(tenant).catch((error: unknown) => {
        faults.failed(error);
        return false;
      }),
    isBehind: () => backlog.entries() > backlogMax && !faults.health().failing,
    health: () => ({ ...faults.health(), sealed, backlog: backlog.entries() }),
    async close() {
      const ended = Promise.all([rounds.end(), backlog.end()]);
      const { end, waiting } = journal.health();
      // Somebody who only looked has nothing to seal.
      const idle = !files.begun() && end.batch === begunWith && waiting === 0;
      if (!idle) await Promise.race([last(journal, catchUp), sleep(closeMs, undefined, { ref: false })]);
      closing = true;
      await files.close(ended);
    },
  };
}

/** How many entries wait to be sealed, looked at each second. What cannot be opened is told by whoever seals. */
function watchBacklog(files: ReturnType<typeof openLogFiles>) {
  let entries = 0;
  const look = async (): Promise<void> => {
    const waiting = files.opened().then(({ sealed }) => sealed.backlog());
    entries = await waiting.catch(() => entries);
  };
  return { ...openRounds(look, everySecond), entries: () => entries };
}

/** The last run: outcomes that were just given to the journal are on the disk a moment later. */
async function last(journal: AuditLogParts['journal'], catchUp: () => Promise<unknown>): Promise<void> {
  const until = performance.now() + closeMs / 2;
  while (journal.health().waiting > 0 && performance.now() < until) await sleep(2);
  await catchUp();
}
