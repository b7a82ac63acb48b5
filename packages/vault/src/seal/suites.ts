import { createCipheriv, createSecretKey } from 'node:crypto';
import type { Suite } from './data-key.ts';
import { decryptGcm, encryptGcm, type Encrypted } from './gcm.ts';

/** One key under one suite. It stays in native objects; the caller wipes the bytes it was made of. */
export interface SuiteCipher {
  encrypt(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array): Encrypted;
  /** @throws Refusal `open_failed` */
  decrypt(nonce: Uint8Array, additionalData: Uint8Array, encrypted: Encrypted): Buffer;
  /** End the native objects; not to be called twice. */
  destroy(): void;
}

/** Bytes of each suite's nonce. */
export const nonceBytes = { 1: 24, 2: 12 } as const satisfies Record<Suite, number>;

/** A cipher for a 32-byte key. */
export function suiteCipher(suite: Suite, key: Uint8Array): SuiteCipher {
  return suite === 1 ? xaes256Gcm(key) : aes256Gcm(key);
}

function aes256Gcm(keyBytes: Uint8Array): SuiteCipher {
  const key = createSecretKey(keyBytes);
  return {
    encrypt: (nonce, additionalData, plaintext) => encryptGcm({ key, nonce, additionalData }, plaintext),
    decrypt: (nonce, additionalData, encrypted) => decryptGcm({ key, nonce, additionalData }, encrypted),
    // Node offers no way to end a KeyObject: OpenSSL cleanses it when it is collected.
    destroy: () => undefined,
  };
}

// https://c2sp.org/XAES-256-GCM: AES-256-GCM under a subkey that the first 12 bytes of the nonce choose, with its last
// 12 bytes as nonce. One long-lived ECB object without padding is the AES block function: a subkey costs a single
// update() in place of a key schedule. The subkey is handed over as bytes, since createSecretKey would cost 2 µs more
// per record and the Node this runs on takes bytes at the same price as a KeyObject (some 24.x lines charge 12 µs).
function xaes256Gcm(keyBytes: Uint8Array): SuiteCipher {
  const aes = createCipheriv('aes-256-ecb', keyBytes, null).setAutoPadding(false);
  const k1 = cmacSubkey(aes.update(Buffer.alloc(16)));
  const blocks = Buffer.allocUnsafeSlow(32);
  for (const [at, counter] of [
    [0, 1],
    [16, 2],
  ] as const) {
    k1.copy(blocks, at);
    blocks[at + 1]! ^= counter;
    blocks[at + 2]! ^= 0x58;
  }
  const subkeyFor = (nonce: Uint8Array): Buffer => {
    for (let i = 0; i < 12; i += 1) blocks[4 + i] = blocks[20 + i] = nonce[i]! ^ k1[4 + i]!;
    return aes.update(blocks);
  };
  return {
    encrypt(nonce, additionalData, plaintext) {
      const key = subkeyFor(nonce);
      try {
        return encryptGcm({ key, nonce: nonce.subarray(12), additionalData }, plaintext);
      } finally {
        key.fill(0);
      }
    },
    decrypt(nonce, additionalData, encrypted) {
      const key = subkeyFor(nonce);
      try {
        return decryptGcm({ key, nonce: nonce.subarray(12), additionalData }, encrypted);
      } finally {
        key.fill(0);
      }
    },
    destroy() {
      aes.final();
      k1.fill(0);
      blocks.fill(0);
    },
  };
}

/** K1 of NIST SP 800-38B §6.1: `block` doubled in GF(2^128), in place. */
function cmacSubkey(block: Buffer): Buffer {
  const reduce = block[0]! >> 7;
  for (let i = 0; i < 15; i += 1) block[i] = (block[i]! << 1) | (block[i + 1]! >> 7);
  block[15] = (block[15]! << 1) ^ (reduce * 0x87);
  return block;
}
