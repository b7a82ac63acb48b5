import { rm, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { AuditedCall } from './audit-calls.ts';

// The log that everybody writes first: a row an entry in clear, a transaction for whatever queued meanwhile, two indexes.
// Nothing is sealed, nothing is chained, and whoever can write the file can change it.

const batchMax = 512;

/** A table of entries. */
export interface PlainLog {
  /** Resolves when the row is on the disk. */
  attempt(call: AuditedCall): Promise<void>;
  /** Queued. */
  outcome(call: AuditedCall): void;
  /** Resolves when nothing waits. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

type Row = readonly [ts: number, tenant: string, actor: string, service: string, entry: string];

/** Open one at `synchronous=FULL`. */
export async function openPlainLog(): Promise<PlainLog> {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-plain-'));
  const db = new DatabaseSync(join(folder, 'plain.db'));
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE entries (n INTEGER PRIMARY KEY, ts INTEGER, tenant TEXT, actor TEXT, service TEXT, entry TEXT);
    CREATE INDEX by_tenant ON entries (tenant, ts); CREATE INDEX by_actor ON entries (tenant, actor, ts)`);
  const insert = db.prepare('INSERT INTO entries (ts, tenant, actor, service, entry) VALUES (?, ?, ?, ?, ?)');
  let queue: { readonly row: Row; readonly done: () => void }[] = [];
  let planned = false;
  const commit = (): void => {
    const batch = queue.splice(0, batchMax);
    db.exec('BEGIN');
    for (const { row } of batch) insert.run(...row);
    db.exec('COMMIT');
    for (const { done } of batch) done();
    planned = queue.length > 0;
    if (planned) setImmediate(commit);
  };
  const push = (row: Row, done: () => void): void => {
    queue.push({ row, done });
    if (!planned) setImmediate(commit);
    planned = true;
  };
  const rowOf = ({ context, fields }: AuditedCall, entry: object): Row => {
    const text = JSON.stringify({ ...context, ...entry });
    return [Date.now(), context.tenant, context.actor.id, fields.service ?? '', text];
  };
  return {
    attempt: (call) => new Promise((resolve) => push(rowOf(call, call.fields), resolve)),
    outcome: (call) => push(rowOf(call, call.outcome), () => undefined),
    async idle() {
      while (queue.length > 0) await new Promise((resolve) => setImmediate(resolve));
    },
    async close() {
      queue = [];
      db.close();
      await rm(folder, { recursive: true });
    },
  };
}
