import { sign, verify, type KeyObject } from 'node:crypto';
import { refuse } from '../refusal.ts';
import { fromBase64 } from './strict-text.ts';
import { isKeyName, keyIdOf, parseVkey, vkeyOf } from './vkey.ts';

// Signed notes (C2SP signed-note): a text, an empty line, and a line for each signature,
//
//   — <name> <base64 of the key's id, 4 bytes, and the signature>
//
// Lines of keys that one does not know are ignored: witnesses and keys to come sign beside ours.

/** Most signature lines that are looked at. */
const signaturesMax = 100;
const noteCharactersMax = 1_000_000;
const idBytes = 4;

/** Signs notes under one name. */
export interface NoteSigner {
  /** For those who check. */
  readonly vkey: string;
  /** The signature line of a text, with its newline. */
  line(text: string): string;
}

/** A note that holds. */
export interface OpenedNote {
  /** With its last newline. */
  readonly text: string;
  /** The verifier keys that signed it; at least one. */
  readonly by: readonly string[];
}

/**
 * @param name such as `example.com/audit`: no space, no plus
 * @param privateKey Ed25519
 */
export function signerOf(name: string, privateKey: KeyObject): NoteSigner {
  if (!isKeyName(name)) throw new TypeError('this is no name for a key');
  const id = Buffer.from(keyIdOf(name, privateKey), 'hex');
  return {
    vkey: vkeyOf(name, privateKey),
    line(text) {
      const signature = Buffer.concat([id, sign(undefined, Buffer.from(text), privateKey)]);
      return `— ${name} ${signature.toString('base64')}\n`;
    },
  };
}

/**
 * @param text ends in a newline and has no other control character
 * @param signers at least one
 */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!isNoteText(text) || signers.length === 0) throw new TypeError('this is no text of a note');
  return `${text}\n${signers.map((signer) => signer.line(text)).join('')}`;
}

/**
 * Check a note.
 *
 * @param vkeys the verifier keys that are trusted
 * @throws Refusal `log_invalid` when it is no note, when no key that is trusted signed it, or a signature in the name of one
 *   does not hold
 */
export function openNote(note: string, vkeys: readonly string[]): OpenedNote {
  const end = note.lastIndexOf('\n\n') + 1;
  const text = note.slice(0, end);
  const lines = note.slice(end + 1).split('\n');
  const whole = note.length <= noteCharactersMax && end > 0 && lines.pop() === '' && isNoteText(text);
  if (!whole || !isNoteText(note) || lines.length === 0 || lines.length > signaturesMax)
    throw refuse('log_invalid', 'this is no signed note');
  const trusted = vkeys.map((vkey) => ({ vkey, ...parseVkey(vkey) }));
  const by = new Set<string>();
  for (const line of lines) {
    const { name, id, signature } = parseLine(line);
    const known = trusted.filter((key) => key.name === name && key.id === id);
    const holding = known.filter(({ publicKey }) =>
      verify(undefined, Buffer.from(text), publicKey, signature),
    );
    if (known.length > 0 && holding.length === 0)
      throw refuse('log_invalid', 'a signature of the log does not hold', name);
    for (const { vkey } of holding) by.add(vkey);
  }
  if (by.size === 0) throw refuse('log_invalid', 'this is not signed with a key of the log that is trusted');
  return { text, by: [...by] };
}

function parseLine(line: string): { name: string; id: string; signature: Buffer } {
  const [, name, text] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  const bytes = text === undefined ? undefined : fromBase64(text);
  if (name === undefined || !isKeyName(name) || bytes === undefined || bytes.length <= idBytes)
    throw refuse('log_invalid', 'a signature line of a note is not in its form');
  return { name, id: bytes.toString('hex', 0, idBytes), signature: bytes.subarray(idBytes) };
}

function isNoteText(text: string): boolean {
  return text.endsWith('\n') && text.isWellFormed() && !/[^\P{Cc}\n]/u.test(text);
}
