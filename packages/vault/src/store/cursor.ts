import { hash } from 'node:crypto';
import { refuse } from '../refusal.ts';

// A cursor says where a page ended and carries a digest over that place and the question it belongs to, so one
// question's cursor does not fit another. It is no secret and no right: the partition always comes from the query,
// and a forged place only chooses where in that partition reading begins.

const digestBytes = 12;
/** Keys of 2048 and 1024 bytes and a sort value, escaped and in base64url, stay below it. */
const cursorCharactersMax = 64 * 1024;

/** @param question what the page belongs to, as JSON values in a fixed order */
export function writeCursor(question: readonly unknown[], place: readonly (string | number)[]): string {
  const json = JSON.stringify(place);
  return Buffer.concat([digest(question, json), Buffer.from(json)]).toString('base64url');
}

/**
 * @returns the place as it was written; its shape is the caller's to check
 * @throws Refusal `cursor_invalid` for anything {@link writeCursor} did not make for this very question
 */
export function readCursor(question: readonly unknown[], cursor: string): readonly (string | number)[] {
  if (typeof cursor !== 'string' || cursor.length > cursorCharactersMax)
    throw cursorInvalid('not text of a length that occurs');
  const bytes = Buffer.from(cursor, 'base64url');
  const json = bytes.subarray(digestBytes).toString();
  if (
    !bytes.subarray(0, digestBytes).equals(digest(question, json)) ||
    bytes.toString('base64url') !== cursor
  )
    throw cursorInvalid('not made for this question');
  return parsePlace(json);
}

/** The one refusal of a cursor. `detail` never holds the cursor itself. */
export function cursorInvalid(detail: string): Error {
  return refuse('cursor_invalid', 'the cursor does not belong to this query', detail);
}

function digest(question: readonly unknown[], json: string): Buffer {
  return hash('sha256', `${JSON.stringify(question)}\n${json}`, 'buffer').subarray(0, digestBytes);
}

// The digest is no signature: whoever knows the question can make one over any text.
function parsePlace(json: string): readonly (string | number)[] {
  let place: unknown;
  try {
    place = JSON.parse(json);
  } catch {
    throw cursorInvalid('no JSON inside');
  }
  if (!Array.isArray(place) || place.length > 4 || !place.every(isPart))
    throw cursorInvalid('no place inside');
  return place;
}

function isPart(part: unknown): part is string | number {
  return typeof part === 'string' ? part.isWellFormed() : typeof part === 'number' && Number.isFinite(part);
}
