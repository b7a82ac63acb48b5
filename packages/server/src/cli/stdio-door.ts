import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import type { Status } from '../domain/admin-answers.ts';
import { mcpSocketPath } from '../domain/admin-socket.ts';
import { refuse } from '../errors.ts';
import { runningGateway } from './gateway.ts';

// Where `sealgate stdio` finds the gateway: the process that has the data directory, or this one when none has. Beside a
// gateway that was started to listen, this process never takes the directory: it would keep that gateway from starting again.

/** Opens the product for this machine alone. @throws Refusal `data_directory_in_use` and whatever opening throws */
export type ServeHere = (config: AppConfig) => Promise<{ close(): Promise<void> }>;

/** The way in. */
export interface Door {
  /**
   * The socket to use; finds or makes one when there is none.
   *
   * @throws Refusal `gateway_unreachable` when the gateway does not come back, `data_directory_in_use`, those of opening
   */
  reach(): Promise<string>;
  /** Said when the socket did not answer: it is looked for again. */
  lost(): void;
  /** Ends what was opened here. */
  close(): Promise<void>;
}

/** How to look for it. */
export interface DoorParts {
  readonly config: AppConfig;
  readonly cwd: string;
  readonly serveHere: ServeHere;
  /** How long one search may take. */
  readonly searchMs?: number;
}

const tryEveryMs = 200;

/** Open the way; nothing is looked for yet. */
export function openDoor({ config, cwd, serveHere, searchMs = 10_000 }: DoorParts): Door {
  const path = mcpSocketPath(config.dataDirectory, cwd);
  let found: Promise<string> | undefined;
  let here: { close(): Promise<void> } | undefined;
  let besideGateway = false;
  let closed = false;
  const openHere = async (): Promise<boolean> => {
    if (besideGateway) return false;
    here = await serveHere(config).catch((error: unknown) => {
      // Somebody else is just starting, or a short command has the directory.
      if (error instanceof Refusal && error.code === 'data_directory_in_use') return undefined;
      throw error;
    });
    return here !== undefined;
  };
  const search = async (): Promise<string> => {
    const untilMs = performance.now() + searchMs;
    while (!closed) {
      const status = await statusOf(config, cwd);
      if (status !== undefined) {
        besideGateway = status.origin !== undefined;
        return path;
      }
      if (await openHere()) return path;
      if (performance.now() >= untilMs) break;
      await sleep(tryEveryMs);
    }
    throw besideGateway || closed ? away() : inUse(config);
  };
  return {
    async reach() {
      found ??= search();
      try {
        return await found;
      } catch (error) {
        found = undefined;
        throw error;
      }
    },
    lost() {
      if (here === undefined) found = undefined;
    },
    async close() {
      closed = true;
      await found?.catch(() => undefined);
      await here?.close();
    },
  };
}

function away(): Refusal {
  return refuse('gateway_unreachable', 'the gateway is not running any more');
}

function inUse({ dataDirectory }: AppConfig): Refusal {
  return new Refusal('data_directory_in_use', `another process has ${dataDirectory} and does not answer`);
}

async function statusOf(config: AppConfig, cwd: string): Promise<Status | undefined> {
  try {
    const { call } = await runningGateway(config, cwd);
    return (await call('status', {})) as Status;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'gateway_unreachable') return undefined;
    throw error;
  }
}
