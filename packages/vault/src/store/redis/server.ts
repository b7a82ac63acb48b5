import type { RedisClientOptions } from '@redis/client';
import { hash } from 'node:crypto';
import { refuse } from '../../refusal.ts';
import { clientOptions, type RedisAddress } from './address.ts';
import { clusterDriver, singleDriver, type Argument, type Driver } from './driver.ts';
import { kindOf, unavailable } from './redis-error.ts';
import { watch, type Watched } from './watched.ts';

// One connection to Redis (to each server of a cluster) for everybody in the process. Nothing is sent a second time: a
// lost answer is an error, never a guess.

/** Redis, connected. Every method throws Refusal `store_unavailable`, after seconds at most. */
export interface RedisServer {
  /** Commands are carried out in the order in which they are sent, over all keys. */
  readonly ordered: boolean;
  readonly address: RedisAddress;
  /** Text comes as `Buffer`. */
  send(key: string, command: Argument[]): Promise<unknown>;
  /** Run a script over its one key. */
  run(script: Script, key: string, values: Argument[]): Promise<unknown>;
  servers(): number;
  sendTo(server: number, command: Argument[]): Promise<unknown>;
  /** What waits for an answer fails. */
  close(): Promise<void>;
}

/** A Lua script with one key. */
export interface Script {
  readonly text: string;
  readonly digest: string;
}

/** Redis 7.0 has been out since 2022; Valkey began as 7.2. */
const versionMin = 7;
const connectMsMax = 5000;

/**
 * Connect to Redis 7 or later or to Valkey, to one server or, when it says it is one, to the whole cluster.
 *
 * @throws Refusal `store_insecure` for a connection in clear to another machine; `store_unavailable` when there is no
 *   connection within 5 seconds, or Redis does not let us in or is older
 */
export async function openRedis(address: RedisAddress): Promise<RedisServer> {
  const options = clientOptions(address);
  try {
    const { version, cluster } = await greeted({
      ...options,
      socket: { ...options.socket, reconnectStrategy: false },
    });
    if (!(version >= versionMin))
      throw refuse('store_unavailable', 'Redis is older than version 7', `it says it is version ${version}`);
    const driver = (): Pinged => pinged(cluster ? clusterDriver(options) : singleDriver(options));
    const watched = await watch(driver, { connectMsMax, connected: () => undefined });
    return serverOn(watched, address);
  } catch (error) {
    throw unavailable(error);
  }
}

/** Prepare a script. */
export function scriptOf(text: string): Script {
  return { text, digest: hash('sha1', text) };
}

type Pinged = Driver & { ping(): Promise<unknown> };

function pinged(driver: Driver): Pinged {
  return { ...driver, ping: () => driver.send(undefined, ['PING']) };
}

// A connection that is tried once, so that a wrong password or certificate fails with its reason and not with a time-out.
async function greeted(options: RedisClientOptions): Promise<{ version: number; cluster: boolean }> {
  const driver = singleDriver(options);
  try {
    await driver.connect();
    const said = Object.entries((await driver.send(undefined, ['HELLO'])) as object);
    const words = new Map(said.map(([name, value]) => [name, String(value)]));
    return {
      version: Number.parseInt(words.get('version') ?? '', 10),
      cluster: words.get('mode') === 'cluster',
    };
  } finally {
    driver.destroy();
  }
}

function serverOn(watched: Watched<Pinged>, address: RedisAddress): RedisServer {
  const ask = async (question: (driver: Driver) => Promise<unknown>): Promise<unknown> => {
    try {
      return await watched.asked(question);
    } catch (error) {
      // It has been demoted: its name may lead to another server by now.
      if (kindOf(error) === 'READONLY') watched.renew();
      throw unavailable(error);
    }
  };
  return {
    ordered: watched.connection.ordered,
    address,
    send: (key, command) => ask((driver) => driver.send(key, command)),
    run: (script, key, values) =>
      ask(async (driver) => {
        const rest = ['1', key, ...values];
        try {
          return await driver.send(key, ['EVALSHA', script.digest, ...rest]);
        } catch (error) {
          if (kindOf(error) !== 'NOSCRIPT') throw error;
          return driver.send(key, ['EVAL', script.text, ...rest]);
        }
      }),
    servers: () => watched.connection.servers(),
    sendTo: (server, command) => ask((driver) => driver.sendTo(server, command)),
    async close() {
      watched.close();
    },
  };
}
