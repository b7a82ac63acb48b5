import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import type { ContextOf, Suite } from '@sealgate/vault';
import { mintKeyBytes } from '../packages/vault/src/seal/key-bytes.ts';
import { dataKey } from '../packages/vault/src/seal/open-key.ts';
import { atMost, median, type Bar, type Bench } from './bars.ts';

// What a sealed record costs over the bare calls of node:crypto that no AES-256-GCM can do without (key object, fixed
// nonce, 150 bytes of additional data, output left in two buffers). CPU time; the cases take turns in every round, and a
// figure is the median of the ratios within a round, so that a busy machine slows both sides.
const rounds = 101;
const warmUpRounds = 20;
/** Most that sealing may cost as a ratio to the bare calls, by plaintext bytes and suite. */
const aims = { 256: { 1: 2.5, 2: 1.7 }, 4096: { 1: 2, 2: 1.7 } } as const satisfies Record<
  number,
  Record<Suite, number>
>;
const sizes = [256, 4096] as const;

const context: ContextOf<'credential'> = {
  deployment: '7f3c2a90-6f3e-4a37-9a1c-8e3f8c9d2b10',
  tenant: 'team',
  subject: 'person@example.com',
  kind: 'credential',
  table: 'connections',
  record: 'orders#person@example.com#default',
  field: 'credential',
  epoch: '3',
};

type Work = () => unknown;

/** The bare calls, for plaintexts of this size. */
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

function sealed(suite: Suite, plaintext: Buffer): { seal: Work; open: Work } {
  const key = dataKey(mintKeyBytes(), suite);
  const record = key.seal('credential', context, plaintext);
  return {
    seal: () => key.seal('credential', context, plaintext),
    open: () => key.open('credential', context, record),
  };
}

/** CPU microseconds of one call, over `calls`. */
function cpuMicroseconds(work: Work, calls: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < calls; i += 1) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

function measure(size: keyof typeof aims, direction: 'seal' | 'open'): readonly Bar[] {
  const plaintext = randomBytes(size);
  const calls = Math.ceil(1_000_000 / (size + 1000));
  const floor = bare(plaintext)[direction];
  const cases = ([1, 2] as const).map((suite) => ({
    suite,
    work: sealed(suite, plaintext)[direction],
    ratios: [] as number[],
    best: Infinity,
  }));
  let best = Infinity;
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const floorCost = cpuMicroseconds(floor, calls);
    for (const measured of cases) {
      const cost = cpuMicroseconds(measured.work, calls);
      if (round < 0) continue;
      measured.ratios.push(cost / floorCost);
      measured.best = Math.min(measured.best, cost);
    }
    if (round >= 0) best = Math.min(best, floorCost);
  }
  console.log(
    `${direction} ${size} B, best CPU µs: bare ${best.toFixed(2)}, ` +
      cases.map((measured) => `suite ${measured.suite} ${measured.best.toFixed(2)}`).join(', '),
  );
  return cases.map(({ suite, ratios }) =>
    atMost(`${direction} ${size} B, suite ${suite}`, median(ratios), '× bare AES-256-GCM', aims[size][suite]),
  );
}

/** Ratios of sealing and opening to the bare calls. */
export async function run(): Promise<Bench> {
  const bars = sizes.flatMap((size) =>
    (['seal', 'open'] as const).flatMap((direction) => measure(size, direction)),
  );
  return { bench: 'seal', bars };
}
