import { chmodSync, rmSync } from 'node:fs';
import { Refusal } from '@sealgate/vault';
import { localHost } from '../domain/local-host.ts';
import { refuse } from '../errors.ts';
import { openLoad } from './load.ts';
import { mcpRoutes } from './mcp-routes.ts';
import { newApp, type HttpParts, type HttpSettings } from './server.ts';

// MCP for programs of this machine, over a Unix socket. Who may open it is decided by the file system (0600 in a 0700
// directory). No browser can: whatever carries the marks of one came through somebody's relay and is turned away.

/** A running listener. */
export interface LocalHttp {
  /** Refuse new calls, end streams, let calls finish for up to `waitMs`, then close. */
  drain(waitMs: number): Promise<void>;
}

const browserMarks = /^(?:origin|cookie|referer|forwarded|x-forwarded-.*|sec-.*)$/i;

/**
 * Listen. The caller holds the data directory's lock, so a socket that lies at `path` is left over from a process that died.
 *
 * @throws Refusal `data_directory_unsafe` when the socket cannot be made
 */
export async function openLocalHttp<Admitted>(
  path: string,
  settings: Omit<HttpSettings, 'host' | 'port' | 'frontendUrl'>,
  parts: Pick<HttpParts<Admitted>, 'mcp' | 'onFault' | 'now'>,
): Promise<LocalHttp> {
  const load = openLoad(settings);
  const app = newApp(settings, parts);
  app.addHook('onRequest', async ({ raw }) => refuseForeign(raw.rawHeaders));
  await app.register(async (scope) =>
    mcpRoutes(scope, { mcp: parts.mcp, load, unreadMs: settings.unreadMs, onFault: parts.onFault }),
  );
  rmSync(path, { force: true });
  try {
    // Nobody else can have opened it in between: the directory is its owner's.
    await app.listen({ path });
    chmodSync(path, 0o600);
  } catch (error) {
    await app.close();
    throw new Refusal('data_directory_unsafe', 'the MCP socket cannot be made in DATA_DIR', path, {
      cause: error,
    });
  }
  return {
    async drain(waitMs) {
      load.leave();
      app.server.closeIdleConnections();
      await load.drain(waitMs);
      await app.close();
    },
  };
}

function refuseForeign(rawHeaders: readonly string[]): void {
  const hosts: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.toLowerCase() === 'host') hosts.push(rawHeaders[at + 1] ?? '');
    if (browserMarks.test(name))
      throw refuse('origin_forbidden', 'this socket is for programs of this machine, not for web pages');
  }
  if (hosts.length !== 1 || hosts[0] !== localHost)
    throw refuse('host_forbidden', 'this socket is for `sealgate stdio`');
}
