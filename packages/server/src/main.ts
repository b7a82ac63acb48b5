import { setTimeout as sleep } from 'node:timers/promises';
import type { Clients } from './auth/as/clients.ts';
import { challengeFor } from './auth/as/routes.ts';
import { skippedBearer, tokenBearer } from './auth/bearer.ts';
import { problemPage } from './auth/pages/problem-page.ts';
import type { AppConfig } from './config.ts';
import type { LimitSettings } from './domain/limit.ts';
import { auditRoutes } from './http/audit-routes.ts';
import { httpDefaults, openHttp, type HttpServer, type RouteLine } from './http/server.ts';
import type { Log } from './log.ts';
import { openAuditDesk } from './main/audit-desk.ts';
import { openInstanceRoutes } from './main/instance.ts';
import { markLife } from './main/life.ts';
import { openLocal, type WalkFloor } from './main/local.ts';
import type { Shared } from './main/together.ts';
import { openRoutes } from './main/routes.ts';
import { openSealgate, type Sealgate } from './main/sealgate.ts';
import { openWalk } from './main/walk.ts';
import { openMetrics, type Metrics } from './telemetry/metrics.ts';

export { initConfig, readAuditToken, type AppConfig } from './config.ts';
export { openLog, type Log } from './log.ts';
export { openProvisioning, type Provisioning } from './main/database.ts';
export { loadKms as loadPolicies, type Policies } from './main/kms.ts';
export { openSealgate, type Sealgate } from './main/sealgate.ts';
export { openTransfer, type Transfer } from './main/transfer/transfer.ts';
export type { Note } from './main/transfer/noted.ts';
export type { Exported } from './main/transfer/export-data.ts';
export type { Imported } from './main/transfer/import-data.ts';
export type { Migrated } from './main/transfer/migrate-data.ts';
export { version } from './version.ts';

const rateWindowMs = 60_000;
const collectEveryMs = 3600_000;

/** A running server. */
export interface Server extends Sealgate {
  /** Where clients reach it, without a trailing slash. */
  readonly origin: string;
  /** A link that signs the local administrator in, as long as nobody has ever signed in. */
  readonly signInLink: string | undefined;
  /** Every route that answers. */
  readonly routes: readonly RouteLine[];
  /** Fail health checks, drain, then close everything, as `config.drain` says. */
  close(): Promise<void>;
}

/**
 * Open the product and listen.
 *
 * @param print takes a line for the person in front of the gateway, such as a sign-in link
 * @param shared what lies elsewhere and is shared with other instances in a test
 * @throws Refusal as {@link openSealgate}, and `config_invalid` when the address cannot be had
 */
export async function startServer(
  config: AppConfig,
  log: Log,
  print: (line: string) => void,
  shared: Shared = {},
): Promise<Server> {
  const sealgate = await openSealgate(config, log, { print, shared });
  const metrics = openMetrics();
  const closers = [sealgate.close, metrics.close];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    const { address, authorization, ground, signIn } = sealgate;
    closers.push(await markLife(sealgate));
    const walk = walkParts(sealgate, metrics);
    const http = await listen(sealgate, { log, metrics, walk });
    closers.push(() => http.drain(config.drain.seconds * 1000));
    address.listens(http.port);
    closers.push(collectClients(authorization.clients, log));
    closers.push(await openLocal(sealgate, { log, walk }));
    // First of all: whoever sends calls here has to notice before nobody answers.
    closers.push(async () => {
      http.leave();
      await sleep(config.drain.delaySeconds * 1000);
      await sealgate.protocol.leave();
      await sealgate.owners.leave();
    });
    const signInLink = await signIn?.links.firstStartLink(ground.administrator.subject);
    return { ...sealgate, origin: address.origin(), signInLink, routes: http.routes, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Open the product for programs of this machine alone: its two sockets, and no network address.
 *
 * @throws Refusal as {@link openSealgate}
 */
export async function startLocal(config: AppConfig, log: Log): Promise<Sealgate> {
  const sealgate = await openSealgate(config, log);
  const metrics = openMetrics();
  const closers = [sealgate.close, metrics.close];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    closers.push(await markLife(sealgate));
    closers.push(await openLocal(sealgate, { log, walk: walkParts(sealgate, metrics) }));
    return { ...sealgate, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Listening {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly walk: WalkFloor;
}

/** Everything of the walk but who comes. */
function walkParts(sealgate: Sealgate, metrics: Metrics): WalkFloor {
  const { authorization, config, ground, forward, held, protocol, now } = sealgate;
  return {
    challenge: (asked) => challengeFor(authorization.names, asked),
    limiter: ground.limits('mcp', inMinute(config.limits.mcpRequestsPerMinute)),
    windowMs: rateWindowMs,
    upstreams: ground.upstreams,
    forward,
    held,
    protocol,
    protocolMin: config.limits.protocolMin,
    metrics,
    now,
  };
}

async function listen(sealgate: Sealgate, { log, metrics, walk }: Listening): Promise<HttpServer> {
  const { authorization, config, ground, signIn, now } = sealgate;
  const { names, tokens } = authorization;
  const { host, port, publicOrigin: frontendUrl, limits } = config;
  const mcp = openWalk({
    ...walk,
    bearer: config.skipsAuth
      ? skippedBearer(ground.administrator)
      : tokenBearer(tokens, names, ground.people.groupNamed),
  });
  const { health, routes } = openRoutes(sealgate, metrics);
  const instanceRoutes = openInstanceRoutes(sealgate);
  const onFault = (error: unknown, requestId: string): void =>
    log.error({ err: error, requestId }, 'a fault of ours');
  const auditing = openAuditDesk(sealgate, { unreadMs: httpDefaults.unreadMs, onFault });
  const serving = {
    sessions: signIn?.sessions,
    limiter: ground.limits('oauth', inMinute(limits.oauthRequestsPerMinute)),
    windowMs: rateWindowMs,
  };
  return openHttp(
    { ...httpDefaults, host, port, frontendUrl, bodyBytesMax: limits.bodyBytesMax },
    {
      mcp,
      health,
      routes(app, load) {
        routes(app, load);
        instanceRoutes(app, load);
        void app.register(async (scope) => auditRoutes(scope, auditing));
        authorization.routes(app, serving);
        if (signIn !== undefined) void app.register(async (scope) => signIn.routes(scope));
      },
      page: problemPage,
      now,
      onFault,
    },
  );
}

function inMinute(limit: number): LimitSettings {
  return { limit, windowMs: rateWindowMs, keysMax: 100_000 };
}

/** Clients that registered themselves and were never let in, at the start and every hour. */
function collectClients(clients: Pick<Clients, 'collect'>, log: Log): () => Promise<void> {
  let underway = Promise.resolve();
  const collect = (): void => {
    underway = clients.collect().then(
      (collected) => void (collected > 0 && log.info({ collected }, 'unused OAuth clients were removed')),
      (error: unknown) => log.error({ err: error }, 'unused OAuth clients could not be removed'),
    );
  };
  collect();
  const timer = setInterval(collect, collectEveryMs).unref();
  return async () => {
    clearInterval(timer);
    await underway;
  };
}
