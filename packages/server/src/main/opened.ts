import type { AuthorizationServer } from '../auth/as/authorization-server.ts';
import type { AppConfig } from '../config.ts';
import type { BoundedGate } from '../gateway/bounded-gate.ts';
import type { Forward } from '../gateway/forward.ts';
import type { Owners } from '../gateway/owner/owners.ts';
import type { Address } from './address.ts';
import type { Held } from './held.ts';
import type { Ground } from './ground.ts';
import type { Protocol } from './protocol.ts';
import type { SignIn } from './sign-in.ts';

/** What stands above an open data directory. */
export interface Opened {
  readonly config: AppConfig;
  readonly ground: Ground;
  readonly address: Address;
  readonly authorization: AuthorizationServer;
  /** `undefined`: nobody can sign in in a browser. */
  readonly signIn: SignIn | undefined;
  readonly gate: BoundedGate;
  readonly forward: Forward;
  readonly owners: Owners;
  readonly protocol: Protocol;
  readonly held: Held;
  readonly now: () => number;
  close(): Promise<void>;
}
