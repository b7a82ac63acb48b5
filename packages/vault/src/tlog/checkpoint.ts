import { refuse } from '../refusal.ts';
import { hashBytes } from './hash.ts';
import { openNote, signNote, type NoteSigner, type OpenedNote } from './note.ts';
import { fromBase64, fromDecimal, toBase64 } from './strict-text.ts';

// What a log says of itself at one size (C2SP tlog-checkpoint), the text of a signed note of three lines: origin, size and root.
// Extension lines are not taken: nobody who watches the log could check them.

/** One state of one log. */
export interface Checkpoint {
  /** The log's name in the world, such as `example.com/audit/root`. */
  readonly origin: string;
  /** Its entries. */
  readonly size: number;
  readonly root: Uint8Array;
}

/** The text that is signed. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  if (
    origin === '' ||
    origin.includes('\n') ||
    !Number.isSafeInteger(size) ||
    size < 0 ||
    root.length !== hashBytes
  )
    throw new TypeError('this is no state of a log');
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** @throws Refusal `log_invalid` when it is not exactly what {@link checkpointText} writes */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, digits, encoded, ...rest] = text.split('\n');
  const size = digits === undefined ? undefined : fromDecimal(digits);
  const root = encoded === undefined ? undefined : fromBase64(encoded);
  const whole = origin !== undefined && origin !== '' && rest.length === 1 && rest[0] === '';
  if (!whole || size === undefined || root?.length !== hashBytes)
    throw refuse('log_invalid', 'a checkpoint is not in its form');
  return { origin, size, root };
}

/** A checkpoint as a signed note. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): string {
  return signNote(checkpointText(checkpoint), signers);
}

/**
 * Check a signed checkpoint.
 *
 * @throws Refusal `log_invalid` when a signature does not hold, or what it signs is no checkpoint of this log
 */
export function openCheckpoint(
  note: string,
  { origin, vkeys }: { readonly origin: string | undefined; readonly vkeys: readonly string[] },
): Checkpoint & Pick<OpenedNote, 'by'> {
  const { text, by } = openNote(note, vkeys);
  const checkpoint = parseCheckpoint(text);
  if (origin !== undefined && checkpoint.origin !== origin)
    throw refuse('log_invalid', 'this is the checkpoint of another log', checkpoint.origin);
  return { ...checkpoint, by };
}
