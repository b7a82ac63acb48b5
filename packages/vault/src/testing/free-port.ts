import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A port of loopback that was free a moment ago, for a program that cannot choose one itself. It is none of those that outgoing
 * connections are given (32768 and above), which one of them may have by the time the program listens, or listens again; nor is
 * the one 10,000 above it, where a cluster of Redis talks. Nor is it 10080, to which `fetch` and browsers do not connect.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(11_000, 22_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await new Promise((resolve) => {
      server.once('listening', () => resolve(true)).once('error', () => resolve(false));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
