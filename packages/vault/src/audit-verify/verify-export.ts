import type { ExportShard } from './check-record.ts';
import { compareLines } from './compare-lines.ts';
import { callsOf, type CallsParts } from './export-calls.ts';
import { manifestPath, parseManifest, type ExportedFormat, type ExportManifest } from './export-form.ts';
import { openExportShards } from './export-shards.ts';
import { findingSource, openFindings, type Finding, type Findings, type LogState } from './findings.ts';
import type { Progress } from './open-log.ts';
import { bytesMax, textOf, type LogSource } from './source.ts';
import { readTrust, type Trust } from './trust.ts';

// Verifies an exported file with nothing but what lies beside it: every line is made anew out of entries whose places under a
// signed checkpoint, bodies and persons are proven, and compared.

/** What is verified. */
export interface ExportParts {
  readonly file: AsyncIterable<Uint8Array>;
  /** The folder beside it. */
  readonly proof: LogSource;
}

/** What a verdict may rest on beside the export. */
export interface VerifyExportOptions {
  /** Verifier keys that are trusted; `undefined` trusts those that the export names itself. */
  readonly vkeys?: readonly string[];
  readonly progress?: (progress: Progress) => void;
}

/** How much of one log an export has. */
export interface ExportedShare {
  readonly origin: string;
  /** Entries of the log that are in the export. */
  readonly entries: number;
  /** Leaves of the log at its checkpoint; its beginning, and its end when it is closed, are none of them entries. */
  readonly size: number;
}

/** What was found. */
export interface ExportVerdict {
  readonly state: LogState;
  readonly findings: readonly Finding[];
  /** `given` when it rests on keys from elsewhere; `stated`: it only says that the export agrees with itself. */
  readonly keys: Trust['keys'];
  readonly format: ExportedFormat | undefined;
  readonly lines: number;
  /** Entries that are proven, all but who asked in `unnamed` of them. */
  readonly entries: number;
  readonly unnamed: number;
  /** Entries without a proof. */
  readonly unproven: number;
  /** Whether it was to leave out nothing of its logs. */
  readonly whole: boolean;
  readonly logs: readonly ExportedShare[];
}

/**
 * Verify an export.
 *
 * @throws Refusal `log_invalid` when a key that was given is no verifier key; whatever reading the file throws
 */
export async function verifyExport(
  { file, proof }: ExportParts,
  options: VerifyExportOptions = {},
): Promise<ExportVerdict> {
  const findings = openFindings();
  const source = findingSource(proof, findings);
  const manifest = await readManifest(source, findings);
  const trust = manifest && (await readTrust(source, options.vkeys, findings));
  const tally = { all: 0, unnamed: 0, nothing: 0 };
  if (manifest === undefined || trust === undefined)
    return verdict({ findings, keys: 'stated', manifest, tally, lines: 0, shards: [] });
  const shards = await openExportShards({ source, trust, findings }, manifest);
  const calls = callsOf({ source, manifest, shards, findings, tally });
  const lines = await compareLines({ manifest, file, calls, findings, progress: options.progress });
  if (lines !== manifest.lines)
    findings.add({
      state: 'incomplete',
      says: `the file has ${lines} lines, and was written with ${manifest.lines}`,
    });
  tellUnproven(tally, findings);
  if (isWhole(manifest)) for (const shard of shards) if (shard) tellGaps(shard, manifest, findings);
  return verdict({ findings, keys: trust.keys, manifest, tally, lines, shards });
}

async function readManifest(source: LogSource, findings: Findings): Promise<ExportManifest | undefined> {
  const bytes = await source.read(manifestPath, bytesMax.manifest);
  const manifest = bytes && parseManifest(textOf(bytes) ?? '');
  if (manifest === undefined)
    findings.add({ state: 'unreadable', path: manifestPath, says: 'there is no proof of an export here' });
  return manifest;
}

function tellUnproven({ unnamed, nothing }: CallsParts['tally'], findings: Findings): void {
  if (nothing > 0) findings.add({ state: 'incomplete', says: `${nothing} entries have no proof` });
  if (unnamed > 0)
    findings.add({
      state: 'incomplete',
      says: `of ${unnamed} entries it is not proven who asked, and from where`,
    });
}

/** Whether everything of a tenant, or of all, was exported. */
function isWhole({ filter }: ExportManifest): boolean {
  return Object.keys(filter).every((name) => name === 'tenant');
}

/** Entries from the first to the last one that is there, or to the end when that is shown. */
function tellGaps({ origin, head, seen }: ExportShard, { logs }: ExportManifest, findings: Findings): void {
  if (head === undefined) return;
  const closed = logs.some((log) => log.origin === origin && log.close !== undefined);
  let last = closed ? head.size - 2 : 0;
  if (!closed) for (const ix of seen) if (ix > last) last = ix;
  if (seen.size < last)
    findings.add({
      state: 'incomplete',
      log: origin,
      says: `${last - seen.size} entries of the log are not in the export, which was to leave none out`,
    });
}

interface Found extends Pick<CallsParts, 'findings' | 'tally' | 'shards'> {
  readonly keys: Trust['keys'];
  readonly manifest: ExportManifest | undefined;
  readonly lines: number;
}

function verdict({ findings, keys, manifest, tally, lines, shards }: Found): ExportVerdict {
  return {
    state: findings.state(),
    findings: findings.list(),
    keys,
    format: manifest?.format,
    lines,
    entries: tally.all + tally.unnamed,
    unnamed: tally.unnamed,
    unproven: tally.nothing,
    whole: manifest !== undefined && isWhole(manifest),
    logs: shards.flatMap((shard) =>
      shard === undefined
        ? []
        : [{ origin: shard.origin, entries: shard.seen.size, size: shard.head?.size ?? 0 }],
    ),
  };
}
