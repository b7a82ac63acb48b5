import { Pool } from 'undici';
import { guardedConnector } from '../outgoing/connector.ts';

/** How connections to upstreams are kept. */
export interface PoolSettings {
  /** Connections to one origin for calls; further calls wait for one. */
  readonly callConnectionsMax: number;
  /** Connections to one origin for streams that stay open; they are counted apart, so that they cannot starve calls. */
  readonly streamConnectionsMax: number;
  readonly connectMs: number;
  /** A pool without a request for this long is closed. */
  readonly idleMs: number;
  readonly headerBytesMax: number;
}

/** A pool on loan for one request. */
export interface PoolUse {
  readonly pool: Pool;
  /** Say that the request is over; once. */
  done(): void;
}

/**
 * Connections to every upstream. TLS certificates are verified, redirects are not followed, and no connection goes to a
 * link-local or metadata address, whatever the upstream's name resolves to.
 */
export interface Pools {
  use(origin: string, purpose: 'call' | 'stream'): PoolUse;
  /** Ends every request and connection. */
  close(): Promise<void>;
}

interface Kept {
  readonly pool: Pool;
  running: number;
  usedAtMs: number;
}

/** @param now milliseconds, of a clock that never goes back */
export function openPools(settings: PoolSettings, now: () => number): Pools {
  const kept = new Map<string, Kept>();
  // Upstreams are the operator's own words.
  const connect = guardedConnector({ reach: () => 'operator', connectMs: settings.connectMs });
  const sweep = setInterval(
    () => {
      for (const [key, each] of kept) {
        if (each.running > 0 || now() - each.usedAtMs < settings.idleMs) continue;
        kept.delete(key);
        void each.pool.close();
      }
    },
    Math.max(settings.idleMs / 2, 10),
  );
  sweep.unref();
  const find = (origin: string, purpose: 'call' | 'stream'): Kept => {
    const key = `${purpose} ${origin}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const connections = purpose === 'call' ? settings.callConnectionsMax : settings.streamConnectionsMax;
    const made = { pool: newPool(origin, { connections, connect }, settings), running: 0, usedAtMs: now() };
    kept.set(key, made);
    return made;
  };
  return {
    use(origin, purpose) {
      const found = find(origin, purpose);
      found.running++;
      return {
        pool: found.pool,
        done() {
          found.running--;
          found.usedAtMs = now();
        },
      };
    },
    async close() {
      clearInterval(sweep);
      const pools = [...kept.values()].map(({ pool }) => pool);
      kept.clear();
      await Promise.all(pools.map((pool) => pool.destroy()));
    },
  };
}

function newPool(
  origin: string,
  own: Required<Pick<Pool.Options, 'connections' | 'connect'>>,
  settings: PoolSettings,
): Pool {
  return new Pool(origin, {
    ...own,
    // A POST must not wait behind another one's answer, nor be sent twice: one request a connection at a time.
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: settings.headerBytesMax,
    // Long calls and quiet streams are no fault; the carry times them itself.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}
