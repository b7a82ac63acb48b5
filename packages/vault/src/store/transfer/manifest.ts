import { join } from 'node:path';
import { onDisk, readWhole, writeWhole } from '../atomic-file.ts';
import { tableSpecs, type TableName, type TableSpec } from '../spec.ts';
import { exportInvalid, type FileDigest } from './line-file.ts';
import { canonicalJson, type Tally } from './tally.ts';

// An export is a directory, 0700, with files of 0600:
//
//   manifest.json      what is in the others; written last, so an export without one is not whole
//   TABLE.ndjson       one line a row: the item as the store holds it, sealed values still sealed, as canonical JSON
//   journal.db, keyring.json, blobs.ndjson and blobs/, when they travel
//   checkpoint.json    while it is being made

const format = 'sealgate-export-1';
const manifestFile = 'manifest.json';
const manifestBytesMax = 1024 * 1024;

/** Files that may travel beside the tables. */
export const besideFiles = ['blobs.ndjson', 'journal.db', 'keyring.json'] as const;

/** What a file of one table holds. */
export interface TableEntry extends Tally, FileDigest {
  /** Rows whose end had passed and that were left out. */
  readonly ended: number;
}

/** The sealed audit log in an export: `log/root.db`, and `log/<yyyymm>.db` for each month. */
export interface ExportedLogFiles {
  /** What tells it from the logs of other instances: 12 hexadecimal digits. */
  readonly mark: string;
  /** Whether it goes on where the export is brought in: its source has set it aside for good. */
  readonly moved: boolean;
  readonly files: Readonly<Record<string, FileDigest>>;
}

/** What an export holds. */
export interface Manifest {
  readonly format: typeof format;
  /** Names this export; the freeze of its source carries it. */
  readonly freezeId: string;
  /** The kind of database that it was made from. */
  readonly source: string;
  /** The id of the deployment. */
  readonly deployment: string;
  /** Which kind of root key opens it, as `KEY_PROVIDER` names it. */
  readonly keyProvider: string;
  readonly frozenAtMs: number;
  readonly finishedAtMs: number;
  readonly tables: { readonly [T in TableName]?: TableEntry };
  /** Tables that were left behind on purpose, and the rows that lay there. */
  readonly leftBehind: { readonly [T in TableName]?: number };
  readonly files: { readonly [name in (typeof besideFiles)[number]]?: FileDigest };
  /** The sealed audit log; `undefined`: it is not in the export. */
  readonly log?: ExportedLogFiles;
  /** Over everything else, under a key of the deployment. */
  readonly mac: string;
}

/** Every table that travels, in the order of an export. */
export const travelling = (Object.keys(tableSpecs) as TableName[]).filter((table) => !staysBehind(table));

/** Whether an export leaves a table behind. */
export function staysBehind(table: TableName): boolean {
  const { leftBehind }: TableSpec = tableSpecs[table];
  return leftBehind === true;
}

/** The file of a table. */
export function tableFile(directory: string, table: TableName): string {
  return join(directory, `${table}.ndjson`);
}

/** What is signed. */
export function signedText({ mac: _, ...signed }: Omit<Manifest, 'mac'> & { readonly mac?: string }): string {
  return canonicalJson(JSON.parse(JSON.stringify(signed)));
}

/** Write it, which makes the export whole. @throws Refusal `store_unavailable` */
export function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
  return onDisk(() => writeWhole(join(directory, manifestFile), Buffer.from(text)));
}

/**
 * The manifest of an export.
 *
 * @returns `undefined` when there is none: it is not an export, or not a whole one
 * @throws Refusal `export_invalid` when it is not of this form, or of a newer version; `store_unavailable`
 */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  const bytes = await onDisk(() => readWhole(join(directory, manifestFile)));
  if (bytes === undefined) return undefined;
  if (bytes.length > manifestBytesMax) throw malformed('it is too long');
  let found: unknown;
  try {
    found = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw malformed('not JSON');
  }
  return checkedManifest(found);
}

function checkedManifest(found: unknown): Manifest {
  if (!isObject(found) || found['format'] !== format) throw malformed(`not of format ${format}`);
  for (const name of ['freezeId', 'source', 'deployment', 'keyProvider', 'mac'])
    if (typeof found[name] !== 'string' || found[name] === '') throw malformed(`${name} is no text`);
  for (const name of ['frozenAtMs', 'finishedAtMs'])
    if (!isCount(found[name])) throw malformed(`${name} is no time`);
  const { tables, leftBehind, files } = found;
  if (!isObject(tables) || !isObject(leftBehind) || !isObject(files)) throw malformed('a list is missing');
  // Names become paths: only those of tables are taken, never what the file says.
  named(tables, travelling, (entry) => isTally(entry) && isDigest(entry) && isCount(entry['ended']));
  named(leftBehind, Object.keys(tableSpecs), isCount);
  named(files, besideFiles, (entry) => isObject(entry) && isDigest(entry));
  if (found['log'] !== undefined) checkLog(found['log']);
  return found as unknown as Manifest;
}

function checkLog(log: unknown): void {
  const { mark, moved, files } = isObject(log) ? log : {};
  if (
    typeof mark !== 'string' ||
    !/^[0-9a-f]{12}$/.test(mark) ||
    typeof moved !== 'boolean' ||
    !isObject(files)
  )
    throw malformed('the entry of the log');
  for (const [name, entry] of Object.entries(files))
    if (!/^(root|\d{6})\.db$/.test(name) || !isObject(entry) || !isDigest(entry))
      throw malformed(`the entry of ${JSON.stringify(name)}`);
  if (files['root.db'] === undefined) throw malformed('the log has no root');
}

function named(entries: object, known: readonly string[], holds: (entry: unknown) => boolean): void {
  for (const [name, entry] of Object.entries(entries)) {
    if (!known.includes(name)) throw malformed(`${JSON.stringify(name)} is not known to this version`);
    if (!holds(entry)) throw malformed(`the entry of ${name}`);
  }
}

function isTally(entry: unknown): entry is Record<string, unknown> {
  return isObject(entry) && isCount(entry['rows']) && isHex(entry['digest']);
}

function isDigest(entry: Record<string, unknown>): boolean {
  return isCount(entry['bytes']) && isHex(entry['sha256']);
}

function isHex(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(detail: string): Error {
  return exportInvalid('the manifest of the export cannot be used', detail);
}
