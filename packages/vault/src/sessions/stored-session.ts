import { refuse } from '../refusal.ts';

// What is sealed for a session: {v: 2, generation, ends, session}. `ends`: whether its cookie has an end of its own.

/** A session as it lies in its record. */
export interface StoredSession {
  readonly generation: string;
  readonly ends: boolean;
  /** JSON of the session. */
  readonly text: string;
}

const version = 2;

/** The bytes to seal. */
export function bytesOf({ generation, ends, text }: StoredSession): Buffer {
  return Buffer.from(`{"v":${version},"generation":"${generation}","ends":${ends},"session":${text}}`);
}

/**
 * What was sealed. The bytes are zero afterwards.
 *
 * @throws Refusal `record_version_unknown` for the form of a later version, `open_failed` for anything else
 */
export function sessionFrom(bytes: Uint8Array): StoredSession {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  bytes.fill(0);
  const head = /^\{"v":(\d{1,9}),"generation":"([\w-]*)","ends":(true|false),"session":/.exec(text);
  if (head === null) throw unreadable(text);
  if (head[1] !== String(version)) throw unknown(head[1]);
  return { generation: head[2] ?? '', ends: head[3] === 'true', text: text.slice(head[0].length, -1) };
}

function unreadable(text: string): Error {
  const later = /^\{"v":(\d{1,9})\b/.exec(text)?.[1];
  return later === undefined || later === String(version)
    ? refuse('open_failed', 'the sealed data cannot be opened', 'a record has not the form of a session')
    : unknown(later);
}

function unknown(found = ''): Error {
  return refuse('record_version_unknown', 'the record was written by a newer version', `session v${found}`);
}
