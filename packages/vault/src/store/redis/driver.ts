import {
  createClient,
  createCluster,
  RESP_TYPES,
  type RedisClientOptions,
  type RedisClusterOptions,
} from '@redis/client';

// What we need of a Redis client, and no more: another client library would be another file like this one.

/** A part of a command. */
export type Argument = string | Buffer;

/** Connections to Redis that mend themselves. Its errors are the client library's. */
export interface Driver {
  /** Commands are carried out in the order in which they are sent, over all keys. */
  readonly ordered: boolean;
  connect(): Promise<void>;
  /** @param key which server of a cluster is asked; `undefined`: any */
  send(key: string | undefined, command: Argument[]): Promise<unknown>;
  /** How many servers share the keys. */
  servers(): number;
  /** Ask one of them. */
  sendTo(server: number, command: Argument[]): Promise<unknown>;
  /** Cut every connection; what waits for an answer fails. */
  destroy(): void;
}

/** A connection for messages. */
export interface Subscriber {
  connect(): Promise<void>;
  subscribe(channel: string, told: (message: string) => void): Promise<void>;
  ping(): Promise<unknown>;
  destroy(): void;
}

const bytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** One server. */
export function singleDriver(options: RedisClientOptions): Driver {
  const client = createClient(quiet(options)).on('error', ignore);
  const send = (_: unknown, command: Argument[]): Promise<unknown> => client.sendCommand(command, bytes);
  return {
    ordered: true,
    connect: async () => void (await client.connect()),
    send,
    servers: () => 1,
    sendTo: send,
    destroy: () => destroyed(client),
  };
}

/** A cluster that is found through one of its servers. */
export function clusterDriver(options: RedisClientOptions): Driver {
  const nodes = quiet(options) as NonNullable<RedisClusterOptions['rootNodes']>[number];
  const cluster = createCluster({ rootNodes: [nodes], defaults: nodes }).on('error', ignore);
  return {
    ordered: false,
    connect: async () => void (await cluster.connect()),
    send: (key, command) => cluster.sendCommand(key, false, command, bytes),
    servers: () => cluster.masters.length,
    async sendTo(server, command) {
      const master = cluster.masters[server];
      if (master === undefined) return ['0', []];
      return (await cluster.nodeClient(master)).sendCommand(command, bytes);
    },
    destroy: () => destroyed(cluster),
  };
}

/**
 * A connection for messages to one server; in a cluster each server hears all.
 *
 * @param ready called whenever the connection stands, for the first time and again
 */
export function subscriber(options: RedisClientOptions, ready: () => void): Subscriber {
  const client = createClient(quiet(options)).on('error', ignore).on('ready', ready);
  return {
    connect: async () => void (await client.connect()),
    subscribe: (channel, told) => client.subscribe(channel, told),
    ping: () => client.sendCommand(['PING']),
    destroy: () => destroyed(client),
  };
}

// The library's own time-out of a command costs more than the command and ends only unsent ones.
function quiet(options: RedisClientOptions): RedisClientOptions {
  return { ...options, disableClientInfo: true, commandOptions: { timeout: 0 } };
}

// A lost connection shows in what is asked; the client mends it by itself.
function ignore(): void {
  return undefined;
}

// Destroying one that is closed is an error there.
function destroyed(client: { readonly isOpen: boolean; destroy(): void }): void {
  if (client.isOpen) client.destroy();
}
