import { isCount } from '../tlog/count.ts';
import { indexPath } from '../tlog/tile-paths.ts';

// What lies beside an export so that it can be verified, in the folder `<file>.proof`:
//
//   export.json               what was exported, how much of it, and which logs it stands in
//   entries/<N>.jsonl         the entries in the order of the file, a thousand a file, each with its place
//   policy.json, root/…, logs/<scope>/<month>/…    checkpoints, and the tiles that are needed; as in the published log
//
// A line of entries is one of
//
//   {"log":…,"ix":…,"leaf":…,"salt":…,"body":…,"who":…}    in the log; `who` when somebody in person asked
//   {"log":…,"ix":…,"leaf":…,"salt":…,"body":…,"said":…}   the same; who asked is not proven
//   {"log":…,"ix":…,"leaf":…,"entry":…}                    its place alone is proven: no body opens any more
//   {"entry":…}                                            not in the log
//
// with `tenant` where the log's name has only a hash of it.

/** What was exported. */
export const manifestPath = 'export.json';

/** Entries in a full file of them. */
export const entriesPerFile = 1000;

/** Where entries lie, such as `entries/x001/234.jsonl`. */
export function recordsPath(file: number): string {
  return `entries/${indexPath(file)}.jsonl`;
}

/** How the exported file is written. */
export type ExportedFormat = 'jsonl' | 'csv' | 'ocsf';

/** A log that exported entries stand in. */
export interface ExportedLog {
  readonly origin: string;
  /** The entry of the log over all logs that states the checkpoint; `undefined`: none was found. */
  readonly named?: number;
  /** Its last leaf, when that closes it. */
  readonly close?: string;
}

/** `export.json`. */
export interface ExportManifest {
  readonly v: 1;
  readonly format: ExportedFormat;
  /** What was asked for, by name: nothing but a tenant leaves nothing out. */
  readonly filter: Readonly<Record<string, unknown>>;
  /** Lines of the file, a head not counted. */
  readonly lines: number;
  readonly entries: number;
  readonly logs: readonly ExportedLog[];
}

/** Where an entry stands. */
export interface RecordPlace {
  /** Which of the manifest's logs, from 0. */
  readonly log: number;
  readonly ix: number;
  readonly leaf: string;
}

/** An entry of an export, and why it is what it is. */
export interface ExportRecord extends Partial<RecordPlace> {
  readonly salt?: string;
  readonly body?: string;
  /** Where the log's name has only a hash of it. */
  readonly tenant?: string;
  /** What the entry says of the person who asked, as it was sealed. */
  readonly who?: string;
  /** The same, as the journal has it: nothing commits to it. */
  readonly said?: string;
  /** The entry itself, where it cannot be made of the others. */
  readonly entry?: Readonly<Record<string, unknown>>;
}

/** @returns `undefined` when it is none */
export function parseManifest(text: string): ExportManifest | undefined {
  const value = parse(text);
  const { v, format, filter, lines, entries, logs } = value ?? {};
  const good =
    v === 1 &&
    ['jsonl', 'csv', 'ocsf'].includes(String(format)) &&
    isObject(filter) &&
    isCount(lines) &&
    isCount(entries) &&
    Array.isArray(logs) &&
    logs.every(
      (log) =>
        isObject(log) &&
        typeof log['origin'] === 'string' &&
        (log['named'] === undefined || isCount(log['named'])) &&
        isText(log['close']),
    );
  return good ? (value as unknown as ExportManifest) : undefined;
}

/** @returns `undefined` when it is none */
export function parseRecord(line: string): ExportRecord | undefined {
  const value = parse(line);
  if (value === undefined) return undefined;
  const { log, ix, leaf, salt, body, tenant, who, said, entry } = value;
  const placed = isCount(log) && isCount(ix) && typeof leaf === 'string';
  const told = typeof salt === 'string' && typeof body === 'string';
  const good = isObject(entry)
    ? body === undefined && (placed || log === undefined)
    : placed && told && isText(who) && isText(said);
  return good && isText(tenant) ? (value as unknown as ExportRecord) : undefined;
}

/** Whether two values are the same as JSON, in whatever order their names stand. */
export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other) || inOrder(one) === inOrder(other);
}

function inOrder(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    isObject(each) ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1))) : each,
  );
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && value.isWellFormed());
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
