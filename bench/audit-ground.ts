import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  envKey,
  hoursJudge,
  keySubjects,
  openAudit,
  openJournal,
  openSealedLog,
  openSealer,
  sqliteSegments,
  sqliteTables,
  type Audit,
  type Journal,
  sealedCalls,
  type CallReader,
  type SealedLog,
  type Segments,
} from '@sealgate/vault';

// What a gateway has of the audit log, in its own folder and without the rest: real keys, a journal, and the sealed log.

/** Journal and sealed log of one folder. */
export interface AuditGround {
  readonly audit: Audit;
  readonly journal: Journal;
  readonly log: SealedLog;
  readonly segments: Segments;
  /** Calls of the sealed log. */
  readonly calls: CallReader;
  readonly folder: string;
  /** Bytes on the disk, the write-ahead logs included. */
  bytes(): { readonly journal: number; readonly sealed: number };
  close(): Promise<void>;
}

/** Where business hours are. */
export const businessZone = 'Asia/Kolkata';

/** @param now the clock of the entries */
export async function openAuditGround(now: () => number): Promise<AuditGround> {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-audit-'));
  const provider = envKey(randomBytes(32).toString('hex'));
  const tables = sqliteTables({ file: join(folder, 'keys.db'), now: Date.now });
  const sealer = await openSealer({ tables, provider, now: Date.now });
  const path = join(folder, 'journal.db');
  const failed = (refusal: Error & { readonly detail?: unknown }): void =>
    console.error(refusal.message, refusal.detail);
  const journal = await openJournal({ path, sealer, now });
  const segments = sqliteSegments({
    directory: join(folder, 'audit'),
    rootFile: join(folder, 'audit-root.db'),
  });
  const judge = hoursJudge();
  const noteKey = generateKeyPairSync('ed25519').privateKey;
  const log = await openSealedLog({ journal: path, sealer, segments, noteKey, now: Date.now, failed });
  return {
    audit: openAudit({ journal, failed, flagsOf: (_, atMs) => judge(businessZone, atMs) }),
    journal,
    log,
    segments,
    calls: sealedCalls({
      segments,
      sealer,
      journal,
      keyring: log.keyring,
      subjects: keySubjects(tables, 'audit_person'),
      seams: log.seams,
    }),
    folder,
    bytes: () => ({
      journal: sizeOf(folder, (name) => name.startsWith('journal.db')),
      sealed: sizeOf(folder, (name) => name.startsWith('audit-root.db')) + sizeOf(join(folder, 'audit')),
    }),
    async close() {
      await log.close();
      await segments.close();
      await journal.close();
      await sealer.close();
      await tables.close();
      await provider.close();
      await rm(folder, { recursive: true });
    },
  };
}

function sizeOf(folder: string, isMeant: (name: string) => boolean = () => true): number {
  const names = readdirSync(folder).filter(isMeant);
  return names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
