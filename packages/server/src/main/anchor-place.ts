import { Refusal, type AnchorFile, type AnchorPlace, type AnchorRecord } from '@sealgate/vault';
import type { PlaceStanding } from '../domain/admin-answers.ts';
import type { Log } from '../log.ts';
import { isDue, pauseMs } from './anchor-due.ts';
import { asRefusal } from './audit-faults.ts';

// One place that checkpoints are given to: when it is due, what came of it, and whether it has lasted too long that nothing did.

const overdueAfterIntervals = 3;
const dayMs = 24 * 3600_000;
const recentShown = 5;

/** The signed checkpoint over all logs. */
export interface Checkpoint extends Pick<AnchorRecord, 'origin' | 'size' | 'root' | 'note'> {
  /** What strangers know the log by. */
  readonly deployment: string;
  /** Milliseconds since 1970: it covers what was in the journal then. */
  readonly atMs: number;
}

/** A place. */
export interface Place {
  /** Whether it is to be given the checkpoint now. What has lasted too long is written down. */
  due(): Promise<boolean>;
  /**
   * Give it the checkpoint, unless it was the last to be given.
   *
   * @param checkpoint `undefined`: nothing was published yet
   * @param behind why it may be an older one; `undefined`: it is not
   */
  anchor(checkpoint: Checkpoint | undefined, behind: Refusal | undefined): Promise<void>;
  standing(): PlaceStanding;
  /** Since the opening. */
  anchored(): number;
  failures(): number;
}

/** What a place stands on. */
export interface PlaceParts {
  readonly name: AnchorPlace;
  readonly put: (checkpoint: Checkpoint) => Promise<void>;
  readonly file: AnchorFile;
  readonly intervalMs: number;
  /** Whether the log has grown since then, by more than anchors. */
  readonly grown: (sinceMs: number) => Promise<boolean>;
  /** Writes down that this is about to be done, has it done, and writes down what came of it. */
  readonly noted: (
    act: 'audit.anchor' | 'audit.unanchored',
    object: string,
    work: () => Promise<void>,
  ) => Promise<void>;
  readonly log: Log;
  readonly now: () => number;
}

/** Open a place. */
export function openAnchorPlace(parts: PlaceParts): Place {
  const { name, put, file, intervalMs, grown, noted, log, now } = parts;
  const tries = openTries(parts);
  const own = (): readonly AnchorRecord[] => file.list().filter(({ place }) => place === name);
  const last = (): AnchorRecord | undefined => own().findLast(({ state }) => state === 'anchored');
  const late = openLate(parts, tries, () => last()?.atMs);
  const keep = async (checkpoint: Checkpoint, came: Pick<AnchorRecord, 'state' | 'code'>): Promise<void> => {
    const { deployment: _, ...head } = checkpoint;
    await file.add({ place: name, ...head, ...came }).catch((error: unknown) => {
      const { code, detail, message } = asRefusal(error, 'what was anchored could not be kept');
      log.warn({ code, detail }, message);
    });
  };
  return {
    async due() {
      await late.look();
      if (tries.rests()) return false;
      const is = await isDue(last(), intervalMs, now(), grown);
      late.isPending(is);
      return is;
    },
    async anchor(checkpoint, behind) {
      const before = last();
      const isSame = checkpoint?.note === before?.note && now() - (before?.atMs ?? 0) < dayMs;
      if (checkpoint === undefined || isSame) return late.isPending(behind !== undefined);
      const object = `anchor:${name}/${checkpoint.size}`;
      try {
        await noted('audit.anchor', object, () => put(checkpoint));
      } catch (error) {
        const refusal = tries.failed(error);
        return keep(checkpoint, { state: 'failed', code: refusal.code });
      }
      await keep(checkpoint, { state: 'anchored' });
      tries.succeeded();
      return late.isPending(false);
    },
    standing() {
      const shown = ({ atMs, size, root, state, code }: AnchorRecord) => {
        const head = { atMs, size, root, state };
        return code === undefined ? head : { ...head, code };
      };
      const state = late.is() ? 'overdue' : tries.failing() === undefined ? 'ok' : 'failing';
      return { place: name, state, lastMs: last()?.atMs, recent: own().slice(-recentShown).map(shown) };
    },
    anchored: tries.anchored,
    failures: tries.failures,
  };
}

/** Whether a place has got nothing for too long. */
function openLate(
  { name: place, intervalMs, noted, log, now }: PlaceParts,
  tries: ReturnType<typeof openTries>,
  lastMs: () => number | undefined,
) {
  const startedAtMs = now();
  let pending = false;
  let told = false;
  const is = (): boolean => pending && now() - (lastMs() ?? startedAtMs) > overdueAfterIntervals * intervalMs;
  return {
    is,
    isPending(so: boolean): void {
      pending = so;
      if (!so) told = false;
    },
    async look(): Promise<void> {
      if (!is() || told) return;
      told = true;
      log.error({ place }, 'the audit log was not anchored for three intervals');
      const because = tries.failing() ?? new Refusal('audit_unavailable', 'the audit log is not sealed');
      await noted('audit.unanchored', `anchor:${place}`, () => Promise.reject(because)).catch(
        (error: unknown) => (told = error === because),
      );
    },
  };
}

/** Tries, one after the other, with longer and longer pauses while they fail. */
function openTries({ name: place, intervalMs, log, now }: PlaceParts) {
  let failing: Refusal | undefined;
  let inARow = 0;
  let restsUntilMs = 0;
  let anchored = 0;
  let failures = 0;
  return {
    rests: (): boolean => now() < restsUntilMs && restsUntilMs - now() <= intervalMs,
    failing: (): Refusal | undefined => failing,
    anchored: (): number => anchored,
    failures: (): number => failures,
    failed(error: unknown): Refusal {
      const refusal = asRefusal(error, 'the audit log could not be anchored');
      if (failing?.code !== refusal.code)
        log.error({ place, code: refusal.code, detail: refusal.detail }, refusal.message);
      failing = refusal;
      failures += 1;
      inARow += 1;
      restsUntilMs = now() + pauseMs(inARow, intervalMs);
      return refusal;
    },
    succeeded(): void {
      if (failing !== undefined) log.info({ place }, 'the audit log is anchored again');
      failing = undefined;
      anchored += 1;
      inARow = 0;
      restsUntilMs = 0;
    },
  };
}
