import { randomBytes } from 'node:crypto';
import { Refusal } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import { kinds } from '../seal/kinds.ts';
import { systemTenant } from './system-tenant.ts';
import type { Place, PlacedKind, Sealer } from './sealer.ts';

/** One planted fault and whether the keys in use refused it. */
export interface PlantedSwap {
  /** What was done, such as `opened as another tenant`. */
  readonly name: string;
  /** False: the seal is broken here. */
  readonly refused: boolean;
}

const kind = 'system';
const here: Place = {
  tenant: systemTenant,
  subject: '',
  table: 'planted_swap',
  record: 'one',
  field: 'value',
  epoch: 1,
};

/**
 * Seal two values, move and change them, and see whether all of it is refused. For `doctor`: it runs on the keys in
 * use, stores nothing but the data key of `_system`, and leaves no key behind for the tenants it names.
 *
 * @returns one line for each planted fault; all `refused` when sealing does what it promises
 * @throws Refusal `open_failed` when the untouched value does not open, `key_unavailable`
 */
export async function plantedSwaps(sealer: Sealer): Promise<readonly PlantedSwap[]> {
  const [one, other] = [randomBytes(24), randomBytes(24)];
  const sealed = await sealer.seal(kind, here, one);
  const sealedOther = await sealer.seal(kind, { ...here, record: 'other' }, other);
  const plaintext = await sealer.open(kind, here, sealed);
  if (!plaintext.equals(one)) throw openFailed('a value came back changed');
  const swaps: PlantedSwap[] = [
    { name: 'swapped between records', refused: await refuses(sealer, kind, here, sealedOther) },
  ];
  for (const [name, place] of moved)
    swaps.push({ name, refused: await refuses(sealer, kind, place, sealed) });
  for (const each of Object.keys(kinds) as PlacedKind[])
    if (each !== kind)
      swaps.push({ name: `opened as kind ${each}`, refused: await refuses(sealer, each, here, sealed) });
  for (const [name, bytes] of changed(sealed))
    swaps.push({ name, refused: await refuses(sealer, kind, here, bytes) });
  return swaps;
}

const moved: readonly (readonly [string, Place])[] = [
  ['opened as another tenant', { ...here, tenant: 'planted_swap' }],
  ['opened as another subject', { ...here, subject: 'planted_swap' }],
  ['opened in another table', { ...here, table: 'connections' }],
  ['opened in another record', { ...here, record: 'other' }],
  ['opened in another field', { ...here, field: 'other' }],
  ['opened after a new grant', { ...here, epoch: here.epoch + 1 }],
  ['opened before its grant', { ...here, epoch: here.epoch - 1 }],
];

function changed(sealed: Buffer): readonly (readonly [string, Buffer])[] {
  const flips = Array.from({ length: sealed.length }, (_, at) => {
    const bytes = Buffer.from(sealed);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return [`byte ${at} changed`, bytes] as const;
  });
  return [
    ...flips,
    ['last byte cut off', sealed.subarray(0, -1)],
    ['one byte added', Buffer.concat([sealed, Buffer.alloc(1)])],
    ['nothing left', Buffer.alloc(0)],
  ];
}

async function refuses(sealer: Sealer, as: PlacedKind, place: Place, sealed: Buffer): Promise<boolean> {
  try {
    (await sealer.open(as, place, sealed)).fill(0);
    return false;
  } catch (error) {
    // A key that cannot be asked proves nothing about the record.
    if (error instanceof Refusal && error.code !== 'key_unavailable') return true;
    throw error;
  }
}
