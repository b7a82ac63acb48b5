import { openGate } from '@sealgate/vault';
import type { Operations } from '../admin/operations.ts';
import type { AppConfig } from '../config.ts';
import { boundGate } from '../gateway/bounded-gate.ts';
import { carryDefaults, openCarry } from '../gateway/carry.ts';
import { openForward } from '../gateway/forward.ts';
import { openSessionHandles } from '../gateway/session-handle.ts';
import type { Log } from '../log.ts';
import { openAddress } from './address.ts';
import { openAdministration } from './administration.ts';
import { openAuthorization } from './authorization.ts';
import { configureUpstreams } from './configured-upstreams.ts';
import { openGround, type Ground } from './ground.ts';
import type { Shared } from './together.ts';
import { openHeld } from './held.ts';
import { openInstance } from './instance.ts';
import type { Opened } from './opened.ts';
import { openProtocol } from './protocol.ts';
import { openSignIn } from './sign-in.ts';

/** Between two looks whether something was revoked by another instance. */
const recheckEveryMs = 15_000;

/** The product without a network address: what the command line works on when no server runs. */
export interface Sealgate extends Opened {
  readonly operations: Operations;
}

/** What an opened product is given from outside. */
export interface Means {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Takes a line for the person in front of the gateway, such as a sign-in link; the log never has one. */
  readonly print: (line: string) => void;
  /** What lies elsewhere, of several instances in a test. */
  readonly shared: Shared;
}

/**
 * Open a data directory and everything above it. No upstream is contacted and no child started.
 *
 * @throws Refusal those of `openGround`, and `config_invalid` or `upstream_invalid` for the servers file
 */
export async function openSealgate(
  config: AppConfig,
  log: Log,
  { now = Date.now, print = () => undefined, shared = {} }: Partial<Means> = {},
): Promise<Sealgate> {
  const ground = await openGround(config, log, now, shared);
  try {
    await configureUpstreams(ground, config, log, now);
    return await above(ground, config, log, { now, print, shared });
  } catch (error) {
    await ground.close();
    throw error;
  }
}

async function above(ground: Ground, config: AppConfig, log: Log, { now, print }: Means): Promise<Sealgate> {
  const address = openAddress(config);
  const signIn = openSignIn({ ground, config, now }, { origin: address.origin, log, print });
  const authorization = await openAuthorization({ ground, config, address, log, now });
  const callSeconds = config.limits.requestTimeoutSeconds;
  const { carry, close: closeCarry } = openCarry({ ...carryDefaults, callMs: callSeconds * 1000 });
  const gate = boundGate(openGate({ connections: ground.connections, audit: ground.audit, carry, now }));
  ground.upstreams.onChange(gate.forgive);
  const owners = await openInstance(ground, config, log, now);
  const protocol = await openProtocol({ ground, gate, owners, config, log, now });
  const held = openHeld({
    stands: (caller) => authorization.tokens.stands(caller),
    holds: protocol.holds,
    endOf: protocol.endOf,
    onRevoked: authorization.onRevoked,
    failed: (error) => log.error({ err: error }, 'whether grants still stand could not be found out'),
    everyMs: recheckEveryMs,
    now,
  });
  const handles = openSessionHandles(ground.sealer);
  const opened: Opened = {
    config,
    ground,
    address,
    authorization,
    signIn,
    gate,
    forward: openForward({ gate, handles, doubt: protocol.doubt }),
    owners,
    protocol,
    held,
    now,
    async close() {
      await signIn?.close();
      await held.close();
      authorization.close();
      await protocol.close();
      await owners.close();
      await closeCarry();
      await ground.close();
    },
  };
  return { ...opened, operations: openAdministration(opened) };
}
