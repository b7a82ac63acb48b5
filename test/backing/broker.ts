import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Missing, Service } from './backing-server.ts';
import { startDynamoDb } from './dynamodb.ts';
import { startRedis } from './redis.ts';

// Tests run in processes of their own; they ask this one for a service, and the first who asks has it started. An
// endpoint that the environment names is taken as it is.

/** Where tests ask for services. */
export interface Broker {
  readonly url: string;
  /** End everything that was started. */
  close(): Promise<void>;
}

const starters: Readonly<Record<string, () => Promise<Service | Missing>>> = {
  dynamodb: startDynamoDb,
  redis: startRedis,
};

/** Listen on a free port of loopback. */
export async function openBroker(): Promise<Broker> {
  const started = new Map<string, Promise<Service | Missing>>();
  const have = (name: string): Promise<Service | Missing> => {
    const service = started.get(name) ?? startNamed(name);
    started.set(name, service);
    return service;
  };
  const server = createServer((request, response) => {
    void have(request.url?.slice(1) ?? '').then((service) => response.end(JSON.stringify(service)));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      for (const service of await Promise.all(started.values())) if ('stop' in service) await service.stop();
    },
  };
}

async function startNamed(name: string): Promise<Service | Missing> {
  const given = process.env[`SEALGATE_TEST_${name.toUpperCase()}`];
  if (given !== undefined && given !== '') return { endpoint: given, stop: async () => undefined };
  try {
    return (await starters[name]?.()) ?? { missing: `there is no service ${JSON.stringify(name)}` };
  } catch (error) {
    return { missing: `${name} does not start: ${String(error)}` };
  }
}
