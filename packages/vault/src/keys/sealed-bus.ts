import { checkedTopic, type Bus } from '../store/bus.ts';
import { systemTenant } from './system-tenant.ts';
import { invalid } from './drafts.ts';
import type { Place, Sealer } from './sealer.ts';

// What travels on a bus is sealed under the deployment's own key and bound to its topic. A message that does not open
// here is none of ours, or one that came to harm: its listeners forget everything instead, so nobody gains by sending one.

/** Sealed and as text it is within the 1 KiB that a bus takes. */
const payloadBytesMax = 640;

/**
 * A bus whose payloads nobody else can read or make. They are up to 640 bytes of text; topics travel in clear. Closing it
 * closes the bus.
 */
export function sealedBus(bus: Bus, sealer: Pick<Sealer, 'seal' | 'open'>): Bus {
  const opened = async (topic: string, message: string): Promise<string | undefined> => {
    try {
      const plain = await sealer.open('record', placeOf(topic), Buffer.from(message, 'base64url'));
      return plain.toString('utf8');
    } catch {
      return undefined;
    }
  };
  return {
    async publish(topic, payload) {
      const place = placeOf(checkedTopic(topic));
      if (typeof payload !== 'string' || !payload.isWellFormed())
        throw invalid('a payload is no well-formed text');
      const plain = Buffer.from(payload);
      if (plain.length > payloadBytesMax) throw invalid(`a sealed payload is over ${payloadBytesMax} bytes`);
      await bus.publish(topic, (await sealer.seal('record', place, plain)).toString('base64url'));
    },
    async subscribe(topic, listener) {
      let listens = true;
      let told = Promise.resolve();
      const end = await bus.subscribe(topic, {
        changed(message) {
          const opening = opened(topic, message);
          // In the order in which they came, however long each takes to open.
          told = told.then(async () => {
            const payload = await opening;
            if (!listens) return;
            if (payload === undefined) listener.flush();
            else listener.changed(payload);
          });
        },
        flush: () => void (listens && listener.flush()),
      });
      return () => {
        listens = false;
        end();
      };
    },
    close: () => bus.close(),
  };
}

function placeOf(topic: string): Place {
  return { tenant: systemTenant, subject: '', table: 'bus', record: topic, field: 'payload', epoch: 0 };
}
