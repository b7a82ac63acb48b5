import { developmentBearer } from './auth/bearer.ts';
import type { AppConfig } from './config.ts';
import { slidingWindow } from './gateway/limit.ts';
import { httpDefaults, openHttp, type HttpServer } from './http/server.ts';
import type { Log } from './log.ts';
import { openRoutes } from './main/routes.ts';
import { openSealgate, type Sealgate } from './main/sealgate.ts';
import { openWalk } from './main/walk.ts';
import { openMetrics, type Metrics } from './telemetry/metrics.ts';

export { initConfig, type AppConfig } from './config.ts';
export type { Log } from './log.ts';
export { openSealgate, type Sealgate } from './main/sealgate.ts';

/** Time that calls under way get to finish when the server stops. */
const drainMs = 10_000;
const rateWindowMs = 60_000;

/** A running server. */
export interface Server extends Sealgate {
  /** Where clients reach it, without a trailing slash. */
  readonly origin: string;
  /** `undefined` in production. */
  readonly bearer: string | undefined;
  /** Drain, then close everything. */
  close(): Promise<void>;
}

/**
 * Open the product and listen.
 *
 * @throws Refusal as {@link openSealgate}; what the operating system says when the address cannot be had
 */
export async function startServer(config: AppConfig, log: Log): Promise<Server> {
  const sealgate = await openSealgate(config, log);
  const metrics = openMetrics();
  const { subject } = sealgate.ground.administrator;
  const bearer =
    config.environment === 'production'
      ? undefined
      : `sgd_${sealgate.ground.sealer.blind('development_bearer', subject)}`;
  try {
    const http = await listen(sealgate, { log, metrics, bearer });
    return {
      ...sealgate,
      bearer,
      origin: config.publicOrigin ?? originOf(config.host, http.port),
      async close() {
        await http.drain(drainMs);
        await metrics.close();
        await sealgate.close();
      },
    };
  } catch (error) {
    await metrics.close();
    await sealgate.close();
    throw error;
  }
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
