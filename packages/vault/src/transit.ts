// What `@sealgate/vault/transit` is: the root key in the transit engine of HashiCorp Vault or OpenBao. It needs no
// further package.
export type { KeyVersion, TransitKeyState } from './keys/transit/key.ts';
export type { LogIn } from './keys/transit/login.ts';
export {
  openTransit,
  type TransitKey,
  type TransitOptions,
  type TransitProvider,
} from './keys/transit/provider.ts';
export type { ServerAddress } from './keys/transit/server.ts';
