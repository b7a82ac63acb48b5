import { checkKeyText, itemInvalid } from './item-rules.ts';
import type { RecordWrite } from './records.ts';

// The rules of records, held in front of every adapter.

const nameBytesMax = 512;
const recordBytesMax = 256 * 1024;
const ownersMax = 10;

/** @throws Refusal `item_invalid` for a name that is not 1 to 512 bytes of well-formed text */
export function checkedName(name: string): string {
  return checkKeyText(name, nameBytesMax, 'the name of a record');
}

/** @throws Refusal `item_invalid` for an owner that is not 1 to 512 bytes of well-formed text */
export function checkedOwner(owner: string): string {
  return checkKeyText(owner, nameBytesMax, 'the owner of a record');
}

/** @throws Refusal `item_invalid` for an end that is no whole number of milliseconds since 1970 */
export function checkedEnd(endsAtMs: number): number {
  if (!Number.isSafeInteger(endsAtMs) || endsAtMs < 0)
    throw itemInvalid('an end is not in whole milliseconds since 1970');
  return endsAtMs;
}

/** Everything of a write, with the owners named once each. */
export function checkedWrite(
  name: string,
  bytes: Uint8Array,
  { endsAtMs, owners = [], guard }: RecordWrite,
): Required<Omit<RecordWrite, 'guard'>> & Pick<RecordWrite, 'guard'> {
  checkedName(name);
  if (!(bytes instanceof Uint8Array) || bytes.byteLength > recordBytesMax)
    throw itemInvalid(`the value of a record is over ${recordBytesMax} bytes or no bytes`);
  const once = [...new Set(owners.map(checkedOwner))];
  if (once.length > ownersMax) throw itemInvalid(`a record has over ${ownersMax} owners`);
  if (guard !== undefined && !('ifAbsent' in guard) && typeof guard.ifRevision !== 'string')
    throw itemInvalid('a guard is neither ifAbsent nor ifRevision');
  return { endsAtMs: checkedEnd(endsAtMs), owners: once, ...(guard === undefined ? {} : { guard }) };
}
