import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { scopePart } from '../names.ts';
import type { LogName } from '../segments.ts';

// Items of the sealed log, by partition and place. The keys are text that sorts as what it says: numbers are padded with
// zeros, and scopes escaped, so that none holds a `#`.

/** Attributes of an item, its key among them. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Where an item lies. */
export interface ItemKey {
  readonly part: string;
  readonly place: string;
}

/** Bytes of a binary attribute; the rest of an item takes far less than what is left of 400 KB. */
export const bytesMax = 350_000;

/** The key as DynamoDB takes it. */
export function keyOf({ part, place }: ItemKey): Record<string, AttributeValue> {
  return { part: { S: part }, place: { S: place } };
}

/** An item of these attributes. */
export function itemAt(key: ItemKey, attributes: Attributes): Attributes {
  return { ...keyOf(key), ...attributes };
}

/** A number as a part of a place. */
export function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

/** The partition of what a period has in common. */
export function periodPart(period: string): string {
  return `P#${period}`;
}

/** The partition of a log. */
export function logPart(period: string, { scope, shard }: LogName): string {
  return `L#${period}#${scopePart(scope)}#${shard}`;
}

/** Text of an item; `''` when there is none. */
export function textIn(item: Attributes | undefined, name: string): string {
  return item?.[name]?.S ?? '';
}

/** A number of an item; 0 when there is none. */
export function numberIn(item: Attributes | undefined, name: string): number {
  return Number(item?.[name]?.N ?? 0);
}

/** Bytes of an item; none when there are none. */
export function bytesIn(item: Attributes | undefined, name: string): Uint8Array {
  return new Uint8Array(item?.[name]?.B ?? []);
}

/** Bytes, cut so that each fits into an item. */
export function cut(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += bytesMax)
    pieces.push(bytes.subarray(at, at + bytesMax));
  return pieces;
}

/** What is kept compressed, as JSON. */
export function packed(value: unknown): Uint8Array {
  return deflateRawSync(Buffer.from(JSON.stringify(value)), { level: 1 });
}

/** What {@link packed} packed. */
export function unpacked(bytes: Uint8Array): unknown {
  return JSON.parse(inflateRawSync(bytes).toString('utf8'));
}
