import type { Gate } from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import type { Forward } from '../gateway/forward.ts';
import type { Stdio } from '../gateway/stdio/serve-stdio.ts';
import type { Ground } from './ground.ts';

/** What stands above an open data directory. */
export interface Opened {
  readonly config: AppConfig;
  readonly ground: Ground;
  readonly gate: Gate;
  readonly forward: Forward;
  readonly stdio: Stdio;
  readonly now: () => number;
  close(): Promise<void>;
}
