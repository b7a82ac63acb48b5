import type { Act } from '@sealgate/vault';
import { gatewayContext } from './own-acts.ts';
import type { Sealgate } from './sealgate.ts';

/**
 * Write into the journal that the gateway starts, so that a stretch without entries can be told from one without a gateway.
 *
 * @returns how to write that it stops
 * @throws Refusal `audit_unavailable`: nothing may start that could not be logged
 */
export async function markLife({
  ground,
  now,
}: Pick<Sealgate, 'ground' | 'now'>): Promise<() => Promise<void>> {
  const mark = async (act: Act): Promise<void> => {
    const context = gatewayContext(ground.administrator.tenant, now());
    const receipt = await ground.audit.record('strict', context, { act, object: 'gateway' });
    ground.audit.outcome(receipt.entry, context, { out: 'success' });
  };
  await mark('gateway.start');
  return () => mark('gateway.stop');
}
