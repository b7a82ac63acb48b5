// What `@sealgate/vault/tokens` is: tokens that a service keeps for its clients, in Redis, and gives out in clear. It needs
// `@redis/client` 6 and `@aws-sdk/client-kms` 3, unless it is given other records and another key service. The gateway lends
// and does not use it.
export type { KmsAddress } from './tokens/environment.ts';
export type { GroundOptions } from './tokens/ground.ts';
export type { Mint, Minted } from './tokens/mint-once.ts';
export type { TokenRules } from './tokens/opened-manager.ts';
export {
  SecureTokenManager,
  type GetOrCreateOptions,
  type SecureTokenManagerOptions,
  type StoreTokenOptions,
} from './tokens/secure-token-manager.ts';
