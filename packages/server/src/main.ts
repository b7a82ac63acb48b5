import { setTimeout as sleep } from 'node:timers/promises';
import { openAdminSocket } from './admin/socket.ts';
import { developmentBearer } from './auth/bearer.ts';
import type { AppConfig } from './config.ts';
import { adminSocketPath } from './domain/admin-socket.ts';
import { slidingWindow } from './gateway/limit.ts';
import { httpDefaults, openHttp, type HttpServer } from './http/server.ts';
import type { Log } from './log.ts';
import { openAdministration } from './main/administration.ts';
import { markLife } from './main/life.ts';
import { openRoutes } from './main/routes.ts';
import { openSealgate, type Sealgate } from './main/sealgate.ts';
import { openWalk } from './main/walk.ts';
import { openMetrics, type Metrics } from './telemetry/metrics.ts';

export { initConfig, type AppConfig } from './config.ts';
export { openLog, type Log } from './log.ts';
export { openSealgate, type Sealgate } from './main/sealgate.ts';
export { version } from './version.ts';

const rateWindowMs = 60_000;

/** A running server. */
export interface Server extends Sealgate {
  /** Where clients reach it, without a trailing slash. */
  readonly origin: string;
  /** `undefined` in production. */
  readonly bearer: string | undefined;
  /** Fail health checks, drain, then close everything, as `config.drain` says. */
  close(): Promise<void>;
}

/**
 * Open the product and listen.
 *
 * @throws Refusal as {@link openSealgate}, and `config_invalid` when the address cannot be had
 */
export async function startServer(config: AppConfig, log: Log): Promise<Server> {
  const sealgate = await openSealgate(config, log);
  const metrics = openMetrics();
  const closers = [sealgate.close, metrics.close];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    closers.push(await markLife(sealgate));
    const bearer = bearerOf(sealgate);
    const http = await listen(sealgate, { log, metrics, bearer });
    closers.push(() => http.drain(config.drain.seconds * 1000));
    const origin = config.publicOrigin ?? originOf(config.host, http.port);
    const operations = openAdministration(sealgate, () => origin);
    const path = adminSocketPath(config.dataDirectory, process.cwd());
    const socket = await openAdminSocket({ path, operations, log });
    closers.push(socket.close);
    // First of all: whoever sends calls here has to notice before one is refused.
    closers.push(async () => {
      http.leave();
      await sleep(config.drain.delaySeconds * 1000);
    });
    return { ...sealgate, operations, bearer, origin, close };
  } catch (error) {
    await close();
    throw error;
  }
}

// Derived from the deployment's blind key: it survives a restart and lies in no file.
function bearerOf({ config, ground }: Sealgate): string | undefined {
  if (config.environment === 'production') return undefined;
  return `sgd_${ground.sealer.blind('development_bearer', ground.administrator.subject)}`;
}

interface Listening {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bearer: string | undefined;
}

async function listen(sealgate: Sealgate, { log, metrics, bearer }: Listening): Promise<HttpServer> {
  const { config, ground, forward, stdio, now } = sealgate;
  const limit = { limit: config.limits.mcpRequestsPerMinute, windowMs: rateWindowMs, keysMax: 10_000 };
  const mcp = openWalk({
    bearer: developmentBearer(bearer, ground.administrator),
    limiter: slidingWindow(limit, () => performance.now()),
    windowMs: rateWindowMs,
    upstreams: ground.upstreams,
    forward,
    stdio,
    metrics,
    now,
  });
  const { host, port, publicOrigin: frontendUrl, limits } = config;
  return openHttp(
    { ...httpDefaults, host, port, frontendUrl, bodyBytesMax: limits.bodyBytesMax },
    {
      mcp,
      ...openRoutes(sealgate, metrics),
      now,
      onFault: (error, requestId) => log.error({ err: error, requestId }, 'a fault of ours'),
    },
  );
}

function originOf(host: string, port: number): string {
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `http://${shown}:${port}`;
}
