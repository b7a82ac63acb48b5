import { refuse } from '../refusal.ts';
import { leafBytesMax } from './hash.ts';

// A bundle of entries (C2SP tlog-tiles): each with its length before it, as a big-endian uint16.

const lengthBytes = 2;

/** Most bytes of a bundle. */
export const bundleBytesMax = 256 * (lengthBytes + leafBytesMax);

/** @param entries at most 65,535 bytes each */
export function packEntries(entries: readonly Uint8Array[]): Buffer {
  const bytes = entries.reduce((sum, entry) => sum + lengthBytes + entry.length, 0);
  const bundle = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const entry of entries) {
    at = bundle.writeUInt16BE(entry.length, at);
    bundle.set(entry, at);
    at += entry.length;
  }
  return bundle;
}

/**
 * The entries of a bundle, as views of its bytes.
 *
 * @throws Refusal `log_invalid` when an entry goes past the end
 */
export function readEntries(bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bundle.length) {
    const start = at + lengthBytes;
    const end = start <= bundle.length ? start + bundle[at]! * 256 + bundle[at + 1]! : Infinity;
    if (end > bundle.length)
      throw refuse('log_invalid', 'a bundle of log entries ends in the middle of an entry', `byte ${at}`);
    entries.push(bundle.subarray(start, end));
    at = end;
  }
  return entries;
}
