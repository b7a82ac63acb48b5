import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Place, Sealer } from '../../keys/sealer.ts';
import { openFailed } from '../../seal/gcm.ts';
import type { LogName, Slice } from './segments.ts';

// The bodies of a slice are sealed as one, under the tenant's key and for this place in this log:
//
//   form (1 byte: 0 plain, 1 deflated, RFC 1951) · bodies as lines, an empty one for an entry without
//
// Compressing a few lines costs more than it saves, so only those of many are.

const worthDeflating = 16;

/** @returns `undefined` when none has a body. @throws Refusal `key_shredded`, `key_disabled`, `key_unavailable` */
export async function sealBodies(
  sealer: Pick<Sealer, 'seal'>,
  log: LogName,
  first: number,
  bodies: readonly string[],
): Promise<Uint8Array | undefined> {
  if (bodies.every((body) => body === '')) return undefined;
  const text = Buffer.from(bodies.join('\n'));
  const packed = bodies.length >= worthDeflating;
  const content = packed ? deflateRawSync(text, { level: 1 }) : text;
  const plain = Buffer.concat([Buffer.of(Number(packed)), content]);
  try {
    return await sealer.seal('audit_body', placeOf(log, first, bodies.length), plain);
  } finally {
    text.fill(0);
    plain.fill(0);
  }
}

/**
 * The bodies of a slice, one for each leaf.
 *
 * @throws Refusal `open_failed` when they are not those of this slice, `key_shredded`, `key_disabled`, `key_unavailable`
 */
export async function openBodies(
  sealer: Pick<Sealer, 'open'>,
  log: LogName,
  { first, leaves, bodies }: Slice,
): Promise<string[]> {
  if (bodies === undefined) return leaves.map(() => '');
  const plain = await sealer.open('audit_body', placeOf(log, first, leaves.length), bodies);
  const content = plain.subarray(1);
  const text = plain[0] === 1 ? inflateRawSync(content) : content;
  const lines = text.toString('utf8').split('\n');
  plain.fill(0);
  if (lines.length !== leaves.length) throw openFailed('another number of bodies than leaves');
  return lines;
}

function placeOf({ scope, shard }: LogName, first: number, count: number): Place {
  return { tenant: scope, subject: '', table: 'audit', record: shard, field: `${first}/${count}`, epoch: 0 };
}
