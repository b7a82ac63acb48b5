import { isCount } from '../tlog/count.ts';
import { hashBytes } from '../tlog/hash.ts';
import { fromBase64 } from '../tlog/strict-text.ts';
import { textOf } from './source.ts';

// The leaves that say something of logs. All are JSON as RFC 8785 writes it, so there is one text for each:
//
//   of the root log    {"origin":…,"root":<base64>,"size":…,"v":1}       a shard as it was published
//   a shard's first    {"genesis":{"origin":…,"root":…,"size":…}|null,"reason":…,"ts":…,"v":1}
//   a shard's last     {"close":true,"ts":…,"v":1}                       none when the shard is still open
//
// Every other leaf of a shard is an event; of it, only the commitment `c` to its body is looked at.

/** What one log says of another. */
export interface Named {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** How a shard begins. */
export interface Genesis {
  /** The shard before it, as it was left; `undefined` in the first one. */
  readonly previous: Named | undefined;
  readonly reason: string;
}

/** The shard that a leaf of the root log names; `undefined` when it is no such leaf. */
export function readNamed(leaf: Uint8Array): Named | undefined {
  const { text, value } = parse(leaf);
  const { origin, root, size } = value;
  if (JSON.stringify({ origin, root, size, v: 1 }) !== text) return undefined;
  return named(value);
}

/** The beginning of a shard; `undefined` when it is no such leaf. */
export function readGenesis(leaf: Uint8Array): Genesis | undefined {
  const { text, value } = parse(leaf);
  const { genesis, reason, ts } = value;
  if (typeof reason !== 'string' || !Number.isSafeInteger(ts)) return undefined;
  if (genesis === null)
    return JSON.stringify({ genesis, reason, ts, v: 1 }) === text
      ? { previous: undefined, reason }
      : undefined;
  if (!isObject(genesis)) return undefined;
  const { origin, root, size } = genesis;
  const previous = named(genesis);
  if (
    previous === undefined ||
    JSON.stringify({ genesis: { origin, root, size }, reason, ts, v: 1 }) !== text
  )
    return undefined;
  return { previous, reason };
}

/** Whether a leaf closes its shard. */
export function isClose(leaf: Uint8Array): boolean {
  // Among a million events, most are told by one byte: `{"act"`, `{"c"`, `{"close"`.
  if (leaf[3] !== 0x6c) return false;
  const { text, value } = parse(leaf);
  return Number.isSafeInteger(value['ts']) && JSON.stringify({ close: true, ts: value['ts'], v: 1 }) === text;
}

/** The commitment of an event to its body, base64url; `undefined` when the leaf has none. */
export function commitmentOf(leaf: Uint8Array): string | undefined {
  const { c } = parse(leaf).value;
  return typeof c === 'string' ? c : undefined;
}

/** The text of a leaf of the root log. */
export function namedText({ origin, size, root }: Named): string {
  return JSON.stringify({ origin, root: Buffer.from(root).toString('base64'), size, v: 1 });
}

/** The text of a shard's first leaf. @param ts milliseconds since 1970 */
export function genesisText({ previous, reason }: Genesis, ts: number): string {
  const genesis = previous && {
    origin: previous.origin,
    root: Buffer.from(previous.root).toString('base64'),
    size: previous.size,
  };
  return JSON.stringify({ genesis: genesis ?? null, reason, ts, v: 1 });
}

/** The text of a shard's last leaf. @param ts milliseconds since 1970 */
export function closeText(ts: number): string {
  return JSON.stringify({ close: true, ts, v: 1 });
}

function named(value: Readonly<Record<string, unknown>>): Named | undefined {
  const { origin, root: encoded, size } = value;
  const root = typeof encoded === 'string' ? fromBase64(encoded) : undefined;
  if (typeof origin !== 'string' || root?.length !== hashBytes || !isCount(size)) return undefined;
  return { origin, size, root };
}

function parse(leaf: Uint8Array): {
  readonly text?: string;
  readonly value: Readonly<Record<string, unknown>>;
} {
  const text = textOf(leaf);
  if (text === undefined) return { value: {} };
  try {
    const value: unknown = JSON.parse(text);
    return { text, value: isObject(value) ? value : {} };
  } catch {
    return { text, value: {} };
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
