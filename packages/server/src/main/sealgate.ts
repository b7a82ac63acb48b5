import { openGate } from '@sealgate/vault';
import type { Operations } from '../admin/operations.ts';
import type { AppConfig } from '../config.ts';
import { carryDefaults, openCarry } from '../gateway/carry.ts';
import { openForward } from '../gateway/forward.ts';
import { openSessionHandles } from '../gateway/session-handle.ts';
import { childLimits } from '../gateway/stdio/limits.ts';
import { openStdio } from '../gateway/stdio/serve-stdio.ts';
import type { Log } from '../log.ts';
import { version } from '../version.ts';
import { openAdministration } from './administration.ts';
import { configureUpstreams } from './configured-upstreams.ts';
import { openGround, type Ground } from './ground.ts';
import type { Opened } from './opened.ts';

/** The product without a network address: what the command line works on when no server runs. */
export interface Sealgate extends Opened {
  readonly operations: Operations;
}

/**
 * Open a data directory and everything above it. No upstream is contacted and no child started.
 *
 * @throws Refusal those of `openGround`, and `config_invalid` or `upstream_invalid` for the servers file
 */
export async function openSealgate(
  config: AppConfig,
  log: Log,
  now: () => number = Date.now,
): Promise<Sealgate> {
  const ground = await openGround(config, log, now);
  try {
    await configureUpstreams(ground, config, log, now);
    return above(ground, config, log, now);
  } catch (error) {
    await ground.close();
    throw error;
  }
}

function above(ground: Ground, config: AppConfig, log: Log, now: () => number): Sealgate {
  const callSeconds = config.limits.requestTimeoutSeconds;
  const { carry, close: closeCarry } = openCarry({ ...carryDefaults, callMs: callSeconds * 1000 });
  const gate = openGate({ connections: ground.connections, audit: ground.audit, carry, now });
  const limits = { ...childLimits, callSeconds };
  const stdio = openStdio({
    ...ground,
    gate,
    limits,
    log,
    now,
    sessionId: () => crypto.randomUUID(),
    version,
  });
  ground.upstreams.onChange((tenant, name) => void stdio.children.retire(tenant, name));
  const handles = openSessionHandles(ground.sealer);
  const opened: Opened = {
    config,
    ground,
    gate,
    forward: openForward({ gate, handles }),
    stdio,
    now,
    async close() {
      await stdio.close();
      await closeCarry();
      await ground.close();
    },
  };
  return { ...opened, operations: openAdministration(opened, () => undefined) };
}
