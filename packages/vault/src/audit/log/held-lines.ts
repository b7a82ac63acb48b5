import type { Place, Sealer } from '../../keys/sealer.ts';
import { systemTenant } from '../../keys/system-tenant.ts';
import type { JournalLine } from './journal-lines.ts';
import type { HeldLine } from './segments.ts';

// What a tenant's log gains while its keys are disabled or cannot be asked lies sealed for the deployment, as in the journal,
// until they open again or are destroyed. The tenant's own order stays.

/** Seal a line that is to wait. */
export async function holdLine(
  sealer: Pick<Sealer, 'seal'>,
  scope: string,
  line: JournalLine,
): Promise<Uint8Array> {
  return sealer.seal('journal', placeOf(scope), Buffer.from(JSON.stringify(line)));
}

/** Open it again. @throws Refusal `open_failed`, `key_unavailable` */
export async function openHeld(
  sealer: Pick<Sealer, 'open'>,
  { scope, sealed }: HeldLine,
): Promise<JournalLine> {
  const text = await sealer.open('journal', placeOf(scope), sealed);
  return JSON.parse(text.toString('utf8')) as JournalLine;
}

function placeOf(scope: string): Place {
  return { tenant: systemTenant, subject: '', table: 'audit', record: scope, field: 'held', epoch: 0 };
}
