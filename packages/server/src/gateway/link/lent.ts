import type { ConnectionChange, Gate } from '@sealgate/vault';
import { abreast } from '../../domain/abreast.ts';
import { nameOfLent } from './key.ts';
import { endIn, type Slot } from './slot.ts';
import { forget, type State } from './slots.ts';

// A child holds its credential for as long as it lives, and a conversation over HTTP was begun with one. When another
// instance takes the credential away, the bus says so; should it not, each call to such a child and a look now and then
// find out that something else would be lent by now.

type Lends = Pick<Gate, 'lends'>;

const readsMax = 16;

/** Whether the change takes away what the slot holds, or was begun with. */
export function isTakenFrom({ upstream, connection, subject }: Slot, change: ConnectionChange): boolean {
  if (upstream.kind === 'http') return change.subject === '' || subject === change.subject;
  if (connection?.connectionId !== change.connectionId) return false;
  // Told late, it is about what was there before: a child may hold what came after it.
  return change.is === 'set' ? connection.epoch !== change.epoch : connection.epoch <= change.epoch;
}

/** Whether what the slot's child holds is still what would be lent. @throws Refusal `store_unavailable` */
export async function stillLends({ lends }: Lends, slot: Slot): Promise<boolean> {
  const { tenant, upstream, subject = '' } = slot;
  return slot.lent === nameOfLent(await lends({ tenant, subject, upstream: upstream.name }));
}

/** Look at everything that may hold a credential, and end what holds another one than would be lent now. */
export async function endOutdated(state: State, gate: Lends): Promise<void> {
  const held = [...state.slots.values()].filter(
    ({ subject, link }) => subject !== undefined && link !== undefined,
  );
  // A store that does not answer says nothing of any: it is asked again with the next look.
  await abreast(held, readsMax, (slot) => look(state, gate, slot)).catch(() => undefined);
}

async function look(state: State, { lends }: Lends, slot: Slot): Promise<void> {
  const { tenant, upstream, subject = '' } = slot;
  const lent = nameOfLent(await lends({ tenant, subject, upstream: upstream.name }));
  const before = slot.lent;
  slot.lent = lent;
  // A conversation over HTTP says at the first look what it goes by.
  if (before !== undefined && before !== lent) drop(state, slot);
}

/** Take a slot out of reach, and end it unless it holds nothing and others may go on with it. */
export function drop(state: State, slot: Slot): void {
  const holds = slot.upstream.kind === 'http' || slot.connection !== undefined;
  for (const gone of forget(state, slot.tenant, slot.upstream.name, (other) => holds && other === slot))
    void endIn(gone);
}
