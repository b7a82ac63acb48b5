import { openAuthorizationServer, type AuthorizationServer } from '../auth/as/authorization-server.ts';
import type { AppConfig } from '../config.ts';
import type { Log } from '../log.ts';
import { openGuardedFetch } from '../outgoing/guarded-fetch.ts';
import type { Address } from './address.ts';
import type { Ground } from './ground.ts';

/** Largest document that a client may describe itself by, and the longest it may take to come. */
const documentBytesMax = 64 * 1024;
const documentMs = 2500;

/** What the authorization server is opened on. */
export interface AuthorizationGround {
  readonly ground: Ground;
  readonly config: AppConfig;
  readonly address: Address;
  readonly log: Log;
  readonly now: () => number;
}

/** The authorization server of an opened data directory. */
export function openAuthorization({
  ground,
  config,
  address,
  log,
  now,
}: AuthorizationGround): Promise<AuthorizationServer> {
  const { tables, records, news, sealer, audit } = ground;
  // While developing, a client may lie on the same machine or network.
  const allow = config.environment === 'production' ? {} : { private: true };
  return openAuthorizationServer({
    tables,
    records,
    news,
    sealer,
    audit,
    people: ground.people,
    fetch: openGuardedFetch({ allow, bytesMax: documentBytesMax, timeoutMs: documentMs }),
    authSecret: config.authSecret?.reveal(),
    issuer: address.origin,
    port: address.port,
    failed: (error) => log.error({ err: error }, 'a fault of the authorization server'),
    now,
  });
}
