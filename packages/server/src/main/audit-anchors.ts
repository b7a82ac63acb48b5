import {
  blobAnchors,
  Refusal,
  type AnchorFile,
  type AnchorPlace,
  type Archive,
  type Audit,
  type CallReader,
} from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import type { AnchorsStanding, PlaceStanding } from '../domain/admin-answers.ts';
import type { Log } from '../log.ts';
import { openAnchorPlace, type Checkpoint, type Place } from './anchor-place.ts';
import { hasGrown } from './anchor-due.ts';
import { openAnchorWebhook } from './anchor-webhook.ts';
import { asRefusal } from './audit-faults.ts';
import type { AuditLog } from './audit-log.ts';
import { ownActs } from './own-acts.ts';
import { openRounds } from './rounds.ts';

// The checkpoint over all logs goes where whoever has this machine cannot change it: at an interval, as long as the log grows.
// Each time is written down before it is done. What fails delays nothing; it is tried again, and told when it has lasted.

const firstMs = 5_000;
const everyMs = 15_000;
const rootPath = 'root/checkpoint';

/** How anchoring does. */
export interface AuditAnchorsHealth {
  /** `off`: there is no place. `overdue`: a place has got none for three intervals, and one is due. */
  readonly state: 'off' | 'ok' | 'failing' | 'overdue';
  /** Since the opening. */
  readonly anchored: number;
  readonly failures: number;
}

/** Anchors of the sealed log of this instance. */
export interface AuditAnchors {
  /** Begin to anchor, again and again. */
  start(): void;
  /** Anchor where it is due. What fails is written down, and told by {@link health}. */
  run(): Promise<void>;
  standing(): AnchorsStanding;
  /** Signed checkpoints that were anchored, the oldest first; empty where blobs cannot be asked for and nothing is known. */
  notes(): Promise<readonly string[]>;
  health(): AuditAnchorsHealth;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

/** What it stands on. */
export interface AuditAnchorParts {
  readonly choice: AppConfig['auditLog']['anchors'];
  readonly auditLog: Pick<AuditLog, 'log' | 'catchUp'>;
  readonly archive: Archive;
  readonly file: AnchorFile;
  readonly calls: Pick<CallReader, 'newest'>;
  readonly audit: Audit;
  /** In whose log it stands what was anchored. */
  readonly tenant: string;
  readonly log: Log;
  readonly now: () => number;
}

/** Anchoring for this instance. */
export function openAuditAnchors(parts: AuditAnchorParts): AuditAnchors {
  const { choice, file, log, now } = parts;
  const stopping = new AbortController();
  const places = placesOf(parts, stopping.signal);
  const run = async (): Promise<void> => {
    const due: Place[] = [];
    for (const place of places) if (await place.due()) due.push(place);
    if (due.length === 0) return;
    const atMs = now();
    const behind = await parts.auditLog.catchUp();
    const checkpoint = await checkpointOf(parts.auditLog, atMs).catch((error: unknown) => {
      // Why the log cannot be opened was told by whoever seals it.
      if (behind === undefined) throw error;
      return undefined;
    });
    for (const place of due) if (!stopping.signal.aborted) await place.anchor(checkpoint, behind);
  };
  const round = () =>
    run().catch((error: unknown) => {
      const { code, detail, message } = asRefusal(error, 'the audit log could not be anchored');
      log.error({ code, detail }, message);
    });
  const rounds = openRounds(round, { firstMs, everyMs });
  return {
    start: () => void (places.length > 0 && rounds.start()),
    run,
    standing: () => ({
      everySeconds: choice.intervalSeconds,
      places: places.map(({ standing }) => standing()),
    }),
    async notes() {
      const { identity } = await parts.auditLog.log();
      const origin = `${identity.deployment}/audit/root\n`;
      const known = file.list().filter(({ state }) => state === 'anchored');
      const blobs = choice.archive ? await blobAnchors(parts.archive, identity.deployment).some() : [];
      const notes = [...blobs, ...known.map(({ note }) => note)];
      return [...new Set(notes)].filter((note) => note.startsWith(origin));
    },
    health: () => healthOf(places),
    async close() {
      stopping.abort(
        new Refusal('store_unavailable', 'the gateway stops; anchoring goes on after its start'),
      );
      await rounds.end();
    },
  };
}

function healthOf(places: readonly Place[]): AuditAnchorsHealth {
  const all = places.map(({ standing }) => standing());
  const is = (state: PlaceStanding['state']): boolean => all.some((place) => place.state === state);
  const failing = is('failing') ? 'failing' : 'ok';
  const state = places.length === 0 ? 'off' : is('overdue') ? 'overdue' : failing;
  const sum = (of: (place: Place) => number): number => places.reduce((so, place) => so + of(place), 0);
  return { state, anchored: sum(({ anchored }) => anchored()), failures: sum(({ failures }) => failures()) };
}

function placesOf(parts: AuditAnchorParts, signal: AbortSignal): readonly Place[] {
  const { choice, archive, calls, now } = parts;
  const common = {
    ...parts,
    intervalMs: choice.intervalSeconds * 1000,
    // A log that cannot be read now is late when it cannot be anchored either.
    grown: (sinceMs: number) => hasGrown(calls, sinceMs).catch(() => true),
    noted: ownActs(parts),
  };
  const places: Place[] = [];
  const add = (name: AnchorPlace, put: (checkpoint: Checkpoint) => Promise<void>): void =>
    void places.push(openAnchorPlace({ ...common, name, put }));
  if (choice.archive)
    add('archive', async ({ deployment, note, atMs }) => {
      await blobAnchors(archive, deployment).put(note, atMs);
    });
  if (choice.webhook !== undefined) {
    const send = openAnchorWebhook(choice.webhook, now);
    // The same state is sent once a day: as something new then, and as the same when it is tried again.
    add('webhook', ({ size, note, atMs }) =>
      send({ id: `anchor_${size}_${new Date(atMs).toISOString().slice(0, 10)}`, note }, signal),
    );
  }
  return places;
}

async function checkpointOf(auditLog: Pick<AuditLog, 'log'>, atMs: number): Promise<Checkpoint | undefined> {
  const log = await auditLog.log();
  const bytes = await log.source().read(rootPath);
  if (bytes === undefined) return undefined;
  const note = Buffer.from(bytes).toString('utf8');
  const [origin = '', size, root = ''] = note.split('\n');
  return { deployment: log.identity.deployment, origin, size: Number(size), root, note, atMs };
}
