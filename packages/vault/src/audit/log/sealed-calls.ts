import type { CallReader } from '../call-reader.ts';
import type { SealedCallParts } from './call-source.ts';
import { endedSealed } from './ended-calls.ts';
import { findSealed } from './find-sealed.ts';
import { newestSealed } from './newest-calls.ts';
import { sealedOpenings } from './sealed-openings.ts';
import { oldestSealed } from './oldest-calls.ts';
import { sealedServices } from './sealed-services.ts';
import { sealedStats } from './sealed-stats.ts';

/**
 * Calls of the sealed log, and of what the journal has that is not sealed yet, as of one log. Of a tenant whose keys do not open
 * at present what is sealed is left out when all tenants are asked for, and refused when it is that tenant.
 */
export function sealedCalls(parts: SealedCallParts): CallReader {
  return {
    newest: (filter, hints = {}) => newestSealed(parts, filter, hints),
    oldest: (filter) => oldestSealed(parts, filter),
    ended: (filter, onReached) => endedSealed(parts, filter, onReached),
    find: (tenant, id) => findSealed(parts, tenant, id),
    services: (filter) => sealedServices(parts, filter),
    openings: (things, within) => sealedOpenings(parts, things, within),
    stats: (filter, zone) => sealedStats(parts, filter, zone),
  };
}
