import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { StoredRecord } from '../store/records.ts';
import { sessionIn } from './session-data.ts';
import { hasEnd, isObject, textOf } from './session-value.ts';
import { bytesOf } from './stored-session.ts';
import {
  openVersion1,
  version1Names,
  type EncryptedSessionRecord,
  type Version1Options,
} from './version1.ts';

// Rows of version 1 as DynamoDB has them. What was written as text may be binary elsewhere, and numbers may be text.

/** A row as DynamoDB has it. */
export type Attributes = Record<string, AttributeValue>;

/**
 * The record of a row. `undefined`: ended, or no row of version 1.
 *
 * @throws Refusal `record_version_unknown`, `open_failed`
 */
export async function recordFrom(
  row: Attributes,
  options: Version1Options,
  nowMs: number,
): Promise<StoredRecord | undefined> {
  const names = version1Names(options);
  const iv = row[names.iv]?.S ?? base64Of(row[names.iv]?.B);
  const ttl = Number(row['ttl']?.N ?? row['ttl']?.S);
  if (iv === undefined || !(ttl * 1000 > nowMs)) return undefined;
  const plain = Object.fromEntries(Object.entries(row).map(([name, { S, B, N }]) => [name, S ?? B ?? N]));
  const record = {
    ...plain,
    sessionId: row['sessionId']?.S ?? '',
    version: Number(row['version']?.N ?? row['version']?.S),
    ttl,
  };
  const session = sessionIn(await openVersion1(record as EncryptedSessionRecord, options));
  const text = textOf({ ...session, cookie: isObject(session['cookie']) ? session['cookie'] : {} });
  const bytes = bytesOf({ generation: 'version1', ends: hasEnd(session), text });
  return { bytes, revision: iv, endsAtMs: ttl * 1000, owners: [] };
}

/** A row as DynamoDB takes it. */
export function attributesOf(row: EncryptedSessionRecord): Attributes {
  const entries = Object.entries(row).map(([name, value]): [string, AttributeValue] => [
    name,
    typeof value === 'number' ? { N: String(value) } : { S: String(value) },
  ]);
  return Object.fromEntries(entries);
}

/** The key of a row. */
export function keyOf(sessionId: string): Attributes {
  return { sessionId: { S: sessionId } };
}

function base64Of(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('base64');
}
