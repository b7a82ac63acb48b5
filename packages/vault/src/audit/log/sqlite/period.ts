import { asking } from '../../../store/sqlite/sqlite-error.ts';
import type { HeldLine, LogEnd, LogStep, Period, SealedStep, SealedThrough } from '../segments.ts';
import { oneBehindTheOther } from '../../../store/in-turn.ts';
import { openTurns } from '../turns.ts';
import { eventRows, type EventRows } from './event-rows.ts';
import { logRows, type LogRows } from './log-rows.ts';
import { whole, type LogFile } from './schema.ts';

const rowsAtOnce = 128;

/** A period of a file that has begun. */
export interface OpenPeriod extends Period {
  /** What the next period takes over. */
  handOver(): { readonly ends: LogEnd[]; readonly through: SealedThrough[]; readonly held: HeldLine[] };
  close(): void;
}

/** Open it. Commits are on the disk with the next `flush`. */
export function openPeriod(name: string, { db, lazy }: LogFile): OpenPeriod {
  if (lazy) db.exec('PRAGMA synchronous = NORMAL');
  const logs = logRows(db);
  const events = eventRows(db);
  const rest = restOf(db);
  const writing = oneBehindTheOther();
  return {
    name,
    slices: logs.slices,
    sliceWith: logs.sliceWith,
    tile: logs.tile,
    logs: async (scopes) => asking(() => logs.all(scopes)),
    unnoted: async (limit) => asking(() => logs.unnoted(limit)),
    endBefore: async (scope) => asking(() => rest.end(scope)),
    through: async (writer) => asking(() => rest.through(writer)),
    throughs: async () => asking(() => rest.all().through.map((through) => ({ ...through }))),
    heldScopes: async () => asking(() => rest.heldScopes()),
    held: async (scope, limit) => asking(() => rest.held(scope, limit)),
    commit: (step) => writing(() => committed(db, step, { logs, events, advance: rest.advance })),
    flush: () => writing(async () => void (lazy && asking(() => flushed(db)))),
    note: (notes) =>
      writing(async () =>
        whole(db, () => notes.forEach(({ size, note, ...log }) => logs.note(log, size, note))),
      ),
    async rows(log, query) {
      return asking(() => {
        const id = logs.idOf(log);
        return id === undefined ? [] : events.find(id, query);
      });
    },
    async counts(log, query, by) {
      return asking(() => {
        const id = logs.idOf(log);
        return id === undefined ? [] : events.count(id, query, by);
      });
    },
    handOver: () => asking(() => rest.all()),
    close() {
      if (db.isOpen) db.close();
    },
  };
}

interface Writers {
  readonly logs: LogRows;
  readonly events: EventRows;
  /** @returns false when somebody else has sealed the journal */
  readonly advance: (step: SealedStep) => boolean;
}

/** One transaction over several turns. Whoever reads meanwhile, on this connection, sees nothing that is signed for yet. */
async function committed(
  db: LogFile['db'],
  step: SealedStep,
  { logs, events, advance }: Writers,
): Promise<boolean> {
  const turns = openTurns();
  const write = async (log: LogStep): Promise<boolean> => {
    const id = asking(() => logs.move(log));
    if (id === undefined) return false;
    asking(() => log.nodes.forEach((node) => logs.addNode(id, node)));
    for (const slice of log.slices) {
      asking(() => logs.addSlice(id, slice));
      await turns(slice.leaves.length / 2);
    }
    for (let at = 0; at < log.rows.length; at += rowsAtOnce) {
      asking(() => events.add(id, log.rows.slice(at, at + rowsAtOnce)));
      await turns(rowsAtOnce / 2);
    }
    asking(() => events.end(id, log.ended ?? []));
    return true;
  };
  asking(() => db.exec('BEGIN IMMEDIATE'));
  try {
    let good = asking(() => advance(step));
    for (const log of step.logs) good &&= await write(log);
    asking(() => db.exec(good ? 'COMMIT' : 'ROLLBACK'));
    return good;
  } catch (error) {
    // SQLite has rolled back already after some errors (sqlite.org/lang_transaction.html §3).
    if (db.isOpen && db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** A commit that changes nothing, but waits for the disk, and with it whatever was written before. */
function flushed(db: LogFile['db']): void {
  const version = db.prepare('PRAGMA user_version').get()?.['user_version'];
  db.exec('PRAGMA synchronous = FULL');
  try {
    db.exec(`PRAGMA user_version = ${Number(version)}`);
  } finally {
    db.exec('PRAGMA synchronous = NORMAL');
  }
}

function restOf(db: LogFile['db']) {
  const end = db.prepare('SELECT scope, shard, size, root FROM ends WHERE scope = ?');
  const ends = db.prepare('SELECT scope, shard, size, root FROM ends');
  const through = db.prepare('SELECT writer, batch, digest, entry FROM sealed_through WHERE writer = ?');
  const throughs = db.prepare('SELECT writer, batch, digest, entry FROM sealed_through');
  const move = db.prepare(
    'INSERT INTO sealed_through VALUES (?, ?, ?, ?) ON CONFLICT (writer) DO UPDATE SET batch = ?2, digest = ?3, entry = ?4',
  );
  const held = db.prepare('SELECT seq, scope, sealed FROM held WHERE scope = ? ORDER BY seq LIMIT ?');
  const heldAll = db.prepare('SELECT seq, scope, sealed FROM held ORDER BY seq');
  const heldScopes = db.prepare('SELECT DISTINCT scope FROM held ORDER BY scope');
  const hold = db.prepare('INSERT INTO held (scope, sealed) VALUES (?, ?)');
  const release = db.prepare('DELETE FROM held WHERE scope = ? AND seq <= ?');
  return {
    end: (scope: string) => plain<LogEnd>(end.get(scope)),
    through: (writer: string) => plain<SealedThrough>(through.get(writer)),
    heldScopes: () => heldScopes.all().map(({ scope }) => scope as string),
    held: (scope: string, limit: number) => held.all(scope, limit) as unknown as HeldLine[],
    advance({ through: moved, hold: lines = [], release: done = [] }: SealedStep): boolean {
      if (moved !== undefined) {
        const { writer, batch, digest, entry } = moved.to;
        const before = through.get(writer)?.['entry'] ?? 0;
        if (before !== moved.before) return false;
        move.run(writer, batch, digest, entry);
      }
      for (const { scope, seq } of done) release.run(scope, seq);
      for (const { scope, sealed } of lines) hold.run(scope, sealed);
      return true;
    },
    all: () => ({
      ends: ends.all() as unknown as LogEnd[],
      through: throughs.all() as unknown as SealedThrough[],
      held: heldAll.all() as unknown as HeldLine[],
    }),
  };
}

/** Rows of `node:sqlite` are no plain objects. */
function plain<R>(row: Record<string, unknown> | undefined): R | undefined {
  return row === undefined ? undefined : ({ ...row } as R);
}
