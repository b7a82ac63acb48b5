import { sealedRecords, systemTenant, tableRecords } from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import { openOwners } from '../gateway/owner/open-owners.ts';
import type { Owners } from '../gateway/owner/owners.ts';
import type { Log } from '../log.ts';
import type { Ground } from './ground.ts';

/** This process among the instances of its deployment. */
export function openInstance(
  { tables, sealer }: Pick<Ground, 'tables' | 'sealer'>,
  { advertiseUrl, limits }: Pick<AppConfig, 'advertiseUrl' | 'limits'>,
  log: Log,
  now: () => number,
): Promise<Owners> {
  const records = sealedRecords(tableRecords(tables, { now }), sealer, {
    kind: 'record',
    table: 'instances',
    tenant: systemTenant,
  });
  return openOwners({
    records,
    sealer,
    advertiseUrl,
    // The owner itself ends a call that takes too long; this wait is a little longer than its.
    answerMs: (limits.requestTimeoutSeconds + 10) * 1000,
    now,
    log,
  });
}
