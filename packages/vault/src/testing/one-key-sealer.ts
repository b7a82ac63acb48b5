import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { Place, Sealer } from '../keys/sealer.ts';
import { refuse } from '../refusal.ts';

/**
 * A sealer for tests of rooms above `keys`: one AES-256-GCM key for everything, bound to kind and place like the real
 * one, with no key hierarchy below it.
 *
 * @param key 32 bytes
 */
export function oneKeySealer(key: Uint8Array = randomBytes(32)): Sealer {
  const bound = (kind: string, place: Place) => {
    const { tenant, subject, table, record, field, epoch } = place;
    return Buffer.from(JSON.stringify([kind, tenant, subject, table, record, field, epoch]));
  };
  return {
    deployment: 'test',
    async seal(kind, place, plaintext) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound(kind, place));
      return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    },
    async open(kind, place, sealed) {
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
        decipher.setAAD(bound(kind, place)).setAuthTag(sealed.subarray(-16));
        return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
      } catch (error) {
        throw refuse('open_failed', 'this record does not open', undefined, error);
      }
    },
    blind: (purpose, name) => createHmac('sha256', key).update(`${purpose}\0${name}`).digest('base64url'),
    revoke: () => undefined,
    close: async () => undefined,
  };
}
