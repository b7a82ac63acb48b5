import type { FastifyInstance } from 'fastify';
import { sealedRecords, systemTenant } from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import { writeResponse } from '../gateway/front/web.ts';
import { openOwners } from '../gateway/owner/open-owners.ts';
import type { Owners } from '../gateway/owner/owners.ts';
import { instanceRoutes, type InstanceRouteParts } from '../http/instance-routes.ts';
import type { Log } from '../log.ts';
import type { Ground } from './ground.ts';
import type { Opened } from './opened.ts';

/** This process among the instances of its deployment. */
export function openInstance(
  { records: raw, sealer }: Pick<Ground, 'records' | 'sealer'>,
  { advertiseUrl, limits }: Pick<AppConfig, 'advertiseUrl' | 'limits'>,
  log: Log,
  now: () => number,
): Promise<Owners> {
  const records = sealedRecords(raw, sealer, {
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

/** What other instances pass to this one; nothing listens when nobody can reach it. */
export function openInstanceRoutes({
  config: { advertiseUrl, limits },
  owners,
  protocol,
}: Pick<Opened, 'config' | 'owners' | 'protocol'>): (
  app: FastifyInstance,
  load: InstanceRouteParts['load'],
) => void {
  if (advertiseUrl === undefined) return () => undefined;
  const parts: Omit<InstanceRouteParts, 'load'> = {
    // A body is written anew as JSON, which can make it longer than it came.
    bodyBytesMax: 4 * limits.bodyBytesMax + 64 * 1024,
    async answer(from) {
      let lasts = false;
      const served = await owners.answer(from, (passage, request) => {
        lasts = request.method === 'GET' || request.headers.get('mcp-method') === 'subscriptions/listen';
        return protocol.answer(passage, request);
      });
      return { ...served, lasts };
    },
    write: writeResponse,
  };
  return (app, load) => void app.register(async (scope) => instanceRoutes(scope, { ...parts, load }));
}
