import { createPublicKey, hash, sign, type KeyObject } from 'node:crypto';

/** Signs notes (C2SP signed-note). */
export interface NoteSigner {
  readonly vkey: string;
  sign(text: string): string;
}

/** A signer under this name. */
export function noteSigner(name: string, key: KeyObject): NoteSigner {
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  const typed = Buffer.concat([Buffer.of(1), raw]);
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'buffer').subarray(0, 4);
  return {
    vkey: `${name}+${id.toString('hex')}+${typed.toString('base64')}`,
    sign(text) {
      const signature = Buffer.concat([id, sign(undefined, Buffer.from(text), key)]);
      return `${text}\n\u2014 ${name} ${signature.toString('base64')}\n`;
    },
  };
}

/** The text of a checkpoint (C2SP tlog-checkpoint). */
export function checkpointText(at: {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}): string {
  return `${at.origin}\n${at.size}\n${Buffer.from(at.root).toString('base64')}\n`;
}
