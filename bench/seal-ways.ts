import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import type { ContextOf, Sealer, Suite } from '@sealgate/vault';
import { mintKeyBytes } from '../packages/vault/src/seal/key-bytes.ts';
import { dataKey } from '../packages/vault/src/seal/open-key.ts';

// Ways to seal one plaintext and to open it again.

/** One thing that is done again and again. */
export type Work = () => unknown;

/** Both directions of one way. */
export interface Way {
  readonly name: string;
  readonly seal: Work;
  readonly open: Work;
  /** Whether each call is waited for. */
  readonly waits: boolean;
  /** Calls in a round, as a share of those of the others; 1 when not given. */
  readonly share?: number;
}

/** What is bound to every record here; others are given the same pairs. */
export const context: ContextOf<'credential'> = {
  deployment: '7f3c2a90-6f3e-4a37-9a1c-8e3f8c9d2b10',
  tenant: 'team',
  subject: 'person@example.com',
  kind: 'credential',
  table: 'connections',
  record: 'orders#person@example.com#default',
  field: 'credential',
  epoch: '3',
};

/** The bare calls of `node:crypto`, for this plaintext. */
export function bare(plaintext: Buffer): { seal: Work; open: Work } {
  const [key, nonce, additionalData] = [createSecretKey(randomBytes(32)), randomBytes(12), randomBytes(150)];
  const seal = () => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
    cipher.setAAD(additionalData);
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return { ciphertext, tag: cipher.getAuthTag() };
  };
  const { ciphertext, tag } = seal();
  const open = () => {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
    decipher.setAAD(additionalData);
    decipher.setAuthTag(tag);
    const opened = decipher.update(ciphertext);
    decipher.final();
    return opened;
  };
  return { seal, open };
}

/** Records under one key in hand. */
export function records(suite: Suite, plaintext: Buffer): Way {
  const key = dataKey(mintKeyBytes(), suite);
  const record = key.seal('credential', context, plaintext);
  return {
    name: `suite ${suite}`,
    seal: () => key.seal('credential', context, plaintext),
    open: () => key.open('credential', context, record),
    waits: false,
  };
}

/** What an application calls: the sealer finds the key, which it has in memory. */
export async function throughSealer(sealer: Sealer, plaintext: Buffer): Promise<Way> {
  const { deployment: _, kind: __, epoch, ...place } = context;
  const at = { ...place, epoch: Number(epoch) };
  const record = await sealer.seal('credential', at, plaintext);
  return {
    name: 'sealer',
    seal: () => sealer.seal('credential', at, plaintext),
    open: () => sealer.open('credential', at, record),
    waits: true,
  };
}
