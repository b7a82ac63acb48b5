import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { refuse } from '../../refusal.ts';
import type { StoredRecord } from '../records.ts';

// A record as a row: bytes, revision, end and owners, or nothing but the end of a bar. `ttl` is what DynamoDB deletes by.

/** A row as DynamoDB has it. */
export type Attributes = Record<string, AttributeValue>;

/** The attributes of a record, without its key. */
export function recordAttributes({ bytes, revision, endsAtMs, owners }: StoredRecord): Attributes {
  return {
    bytes: { B: bytes },
    revision: { S: revision },
    endsAtMs: { N: String(endsAtMs) },
    ttl: ttlOf(endsAtMs),
    ...(owners.length === 0 ? {} : { owners: { SS: [...owners] } }),
  };
}

/** The attributes of a bar, without its key. */
export function barAttributes(untilMs: number): Attributes {
  return { barredUntilMs: { N: String(untilMs) }, ttl: ttlOf(untilMs) };
}

/** Whole seconds, not before the end. */
export function ttlOf(endsAtMs: number): AttributeValue {
  return { N: String(Math.ceil(endsAtMs / 1000)) };
}

/**
 * The record of a row, ended or not. `undefined` for a bar.
 *
 * @throws Refusal `store_unavailable` for what is neither
 */
export function recordFrom(row: Attributes): StoredRecord | undefined {
  const { bytes, revision, endsAtMs, owners, barredUntilMs } = row;
  if (barredUntilMs !== undefined) return undefined;
  if (bytes?.B === undefined || revision?.S === undefined || endsAtMs?.N === undefined)
    throw refuse('store_unavailable', 'a stored record cannot be read', 'a row has not the form of a record');
  return {
    // A buffer of its own: what is read may be wiped.
    bytes: new Uint8Array(bytes.B),
    revision: revision.S,
    endsAtMs: Number(endsAtMs.N),
    owners: owners?.SS ?? [],
  };
}
