// Rules over several variables: contradictions, and what production demands. Each says what to do.
import type { Values } from './active.ts';
import { databaseProblems } from './database.ts';
import { isLoopback } from './loopback.ts';
import { redisProblems, redisRemarks } from './redis.ts';
import { storageProblems } from './storage.ts';
import { secretOf, type Secret } from './variable.ts';

/** How the root key is reached. */
export type KeyChoice =
  | { readonly provider: 'keyring' }
  | { readonly provider: 'env' | 'passphrase' | 'hkdf'; readonly secret: Secret };

const localKeys = {
  env: 'TOKEN_ENCRYPTION_KEY',
  passphrase: 'TOKEN_ENCRYPTION_PASSPHRASE',
  hkdf: 'MCP_KMS_KEY',
} as const;

/**
 * The provider that `KEY_PROVIDER` names; else the one whose variable is present; else the keyring.
 *
 * @param texts every text that was found, including the signs of key services
 * @returns the choice, or what stands against it
 */
export function chooseKeys(
  values: Values,
  texts: ReadonlyMap<string, string>,
): KeyChoice | { readonly problem: string } {
  const present = new Map<string, string>();
  for (const [provider, name] of Object.entries(localKeys)) if (texts.has(name)) present.set(provider, name);
  const kms = ['KMS_KEY_ARN', 'KMS_KEY_ID'].find((name) => texts.has(name));
  if (kms !== undefined) present.set('kms', kms);
  if (texts.has('VAULT_TRANSIT_KEY')) present.set('transit', 'VAULT_TRANSIT_KEY');
  if (values.KEY_PROVIDER === undefined && present.size > 1)
    return {
      problem: `${[...present.values()].join(' and ')} name several root keys: keep one, or set KEY_PROVIDER`,
    };
  const provider = values.KEY_PROVIDER ?? present.keys().next().value ?? 'keyring';
  if (provider === 'keyring') return { provider };
  const sign = values.KEY_PROVIDER === undefined ? present.get(provider) : undefined;
  const implied = sign === undefined ? '' : `${sign} is set, and `;
  if (provider !== 'env' && provider !== 'passphrase' && provider !== 'hkdf')
    return {
      problem: `${implied}KEY_PROVIDER=${provider} is not part of this version: use keyring, env, passphrase or hkdf`,
    };
  const value = values[localKeys[provider]];
  if (value === undefined) return { problem: `KEY_PROVIDER=${provider} needs ${localKeys[provider]}` };
  return { provider, secret: secretOf(localKeys[provider], value) };
}

/**
 * Providers beside the chosen one: those whose variable is set where `KEY_PROVIDER` names another. They open what they wrapped
 * before, and a tenant can be moved to them or from them. A keyring needs no variable and is not among them.
 */
export function openingKeys(choice: KeyChoice, values: Values): readonly KeyChoice[] {
  const others: KeyChoice[] = [];
  for (const provider of ['env', 'passphrase', 'hkdf'] as const) {
    const value = values[localKeys[provider]];
    if (provider !== choice.provider && value !== undefined)
      others.push({ provider, secret: secretOf(localKeys[provider], value) });
  }
  return others;
}

/** Root keys that are set although new tenants get another one. */
export function idleKeys(choice: KeyChoice, opening: readonly KeyChoice[]): string[] {
  return opening.map(
    ({ provider }) =>
      `the root key of ${provider} is set beside KEY_PROVIDER=${choice.provider}: it opens what it wrapped, and new groups do not use it`,
  );
}

/** What of the values contradicts itself or falls short of production, each with what to do. */
export function contradictions(values: Values): string[] {
  const problems = [...databaseProblems(values), ...storageProblems(values), ...redisProblems(values)];
  const production = values.NODE_ENV === 'production';
  const open = !isLoopback(values.HOST);
  if (values.MCP_DEV_SKIP_AUTH && (production || open)) problems.push(skippedSignIn(production));
  if ((values.SMTP_URL === undefined) !== (values.MAIL_FROM === undefined))
    problems.push('SMTP_URL and MAIL_FROM belong together: set both, or none');
  if (!production) return problems;
  if (values.AUTH_SECRET === undefined)
    problems.push(
      'AUTH_SECRET is required in production: set at least 64 random characters, for example from openssl rand -hex 32',
    );
  else if ([...values.AUTH_SECRET].length < 64)
    problems.push('AUTH_SECRET must have at least 64 characters in production');
  else if (new Set(values.AUTH_SECRET).size < 8) problems.push('AUTH_SECRET must be random in production');
  const url = values.FRONTEND_URL === undefined ? undefined : new URL(values.FRONTEND_URL);
  if (url?.protocol === 'http:' && (open || !isLoopback(url.hostname)))
    problems.push(
      'FRONTEND_URL must be https in production when others can reach the gateway: credentials would travel in clear',
    );
  return problems;
}

/** What several instances need to be one deployment, each with what to do. */
export function severalProblems(values: Values, keys: KeyChoice): string[] {
  if (values.REDIS_URL === undefined) return [];
  const problems: string[] = [];
  if (keys.provider === 'keyring')
    problems.push(
      'several instances (REDIS_URL) need a root key that all of them have, and a keyring lies in the DATA_DIR of one: set TOKEN_ENCRYPTION_KEY, TOKEN_ENCRYPTION_PASSPHRASE or MCP_KMS_KEY to the same on all',
    );
  // Production demands it by itself.
  if (values.AUTH_SECRET === undefined && values.NODE_ENV !== 'production')
    problems.push('several instances (REDIS_URL) need AUTH_SECRET: set it to the same on all');
  return problems;
}

function skippedSignIn(production: boolean): string {
  if (production) return 'MCP_DEV_SKIP_AUTH=true is refused in production: leave it out';
  return 'MCP_DEV_SKIP_AUTH=true is refused on a HOST that others can reach: leave it out, or set HOST=127.0.0.1';
}

/** What is allowed and still worth a line at the start. */
export function remarks(values: Values): string[] {
  const said = redisRemarks(values);
  if (values.MCP_DEV_SKIP_AUTH)
    said.push(
      'MCP_DEV_SKIP_AUTH is set: every program on this machine may call every tool, without signing in',
    );
  if (isLoopback(values.HOST) || values.FRONTEND_URL !== undefined) return said;
  return [
    ...said,
    'HOST is reachable by others and FRONTEND_URL is not set: only requests to localhost addresses are answered',
  ];
}
