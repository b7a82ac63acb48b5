import { openAdminSocket } from '../admin/socket.ts';
import { localBearer } from '../auth/local-bearer.ts';
import { adminSocketPath, mcpSocketPath } from '../domain/admin-socket.ts';
import { openLocalHttp } from '../http/local.ts';
import { httpDefaults } from '../http/server.ts';
import type { Log } from '../log.ts';
import type { Sealgate } from './sealgate.ts';
import { openWalk, type WalkParts } from './walk.ts';

/** The walk without its first stop: who comes is known differently on each listener. */
export type WalkFloor = Omit<WalkParts, 'bearer'>;

/**
 * Listen for programs of this machine: administration and MCP, each on a Unix socket in the data directory.
 *
 * @returns how to stop: calls under way may finish for as long as `config.drain` says
 * @throws Refusal `data_directory_unsafe`
 */
export async function openLocal(
  { config, ground, operations, now }: Sealgate,
  { log, walk }: { readonly log: Log; readonly walk: WalkFloor },
): Promise<() => Promise<void>> {
  const cwd = process.cwd();
  ground.auditLog.makeWay();
  const mcp = openWalk({ ...walk, bearer: localBearer(ground.administrator) });
  const local = await openLocalHttp(
    mcpSocketPath(config.dataDirectory, cwd),
    { ...httpDefaults, bodyBytesMax: config.limits.bodyBytesMax },
    { mcp, now, onFault: (error, requestId) => log.error({ err: error, requestId }, 'a fault of ours') },
  );
  const drain = (): Promise<void> => local.drain(config.drain.seconds * 1000);
  try {
    const path = adminSocketPath(config.dataDirectory, cwd);
    const socket = await openAdminSocket({ path, operations, log });
    return async () => {
      await socket.close();
      await drain();
    };
  } catch (error) {
    await drain();
    throw error;
  }
}
