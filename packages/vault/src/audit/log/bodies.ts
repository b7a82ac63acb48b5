import type { Place, Sealer } from '../../keys/sealer.ts';
import { openFailed } from '../../seal/gcm.ts';
import { packLines, plainLines, unpackLines, type Lines } from './packed-lines.ts';
import type { LogName, Slice } from './segments.ts';

// The bodies of a slice are sealed as one, under the tenant's key and for this place in this log:
//
//   form (1 byte: 0 plain, 2 packed lines) · bodies as lines, an empty one for an entry without
//
// Compressing a few lines costs more than it saves, so only those of many are.

const worthPacking = 16;
const packedForm = 2;

/** @returns `undefined` when none has a body. @throws Refusal `key_shredded`, `key_disabled`, `key_unavailable` */
export async function sealBodies(
  sealer: Pick<Sealer, 'seal'>,
  log: LogName,
  first: number,
  bodies: readonly string[],
): Promise<Uint8Array | undefined> {
  if (bodies.every((body) => body === '')) return undefined;
  const packed = bodies.length >= worthPacking;
  const content = packed ? packLines(bodies) : Buffer.from(bodies.join('\n'));
  const plain = Buffer.concat([Buffer.of(packed ? packedForm : 0), content]);
  try {
    return await sealer.seal('audit_body', placeOf(log, first, bodies.length), plain);
  } finally {
    content.fill(0);
    plain.fill(0);
  }
}

/** Where sealed bodies lie, and of how many leaves they are. */
export interface SealedBodies extends Pick<Slice, 'first' | 'bodies'> {
  readonly count: number;
}

/**
 * The bodies of a slice, one for each leaf, to be unpacked as far as they are asked for.
 *
 * @throws Refusal `open_failed` when they are not those of this slice, `key_shredded`, `key_disabled`, `key_unavailable`
 */
export async function openBodyLines(
  sealer: Pick<Sealer, 'open'>,
  log: LogName,
  { first, count, bodies }: SealedBodies,
): Promise<Lines> {
  if (bodies === undefined) return noLines(count);
  const plain = await sealer.open('audit_body', placeOf(log, first, count), bodies);
  const content = plain.subarray(1);
  if (plain[0] === packedForm) return unpackLines(content, count);
  const lines = content.toString('utf8').split('\n');
  plain.fill(0);
  if (lines.length !== count) throw openFailed('another number of bodies than leaves');
  return plainLines(lines);
}

/** The bodies of a slice, one for each leaf. @throws as {@link openBodyLines} */
export async function openBodies(
  sealer: Pick<Sealer, 'open'>,
  log: LogName,
  { first, leaves, bodies }: Slice,
): Promise<string[]> {
  return [...(await openBodyLines(sealer, log, { first, count: leaves.length, bodies })).all()];
}

/** As many bodies, all of them empty. */
export function noLines(count: number): Lines {
  return { count, at: () => '', all: () => Array.from({ length: count }, () => '') };
}

function placeOf({ scope, shard }: LogName, first: number, count: number): Place {
  return { tenant: scope, subject: '', table: 'audit', record: shard, field: `${first}/${count}`, epoch: 0 };
}
