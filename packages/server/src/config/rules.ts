// Rules over several variables: contradictions, and what production demands. Each says what to do.
import type { Values } from './active.ts';
import { anchorProblems } from './anchors.ts';
import { databaseProblems } from './database.ts';
import type { KeyChoice } from './keys.ts';
import { isLoopback } from './loopback.ts';
import { redisProblems, redisRemarks } from './redis.ts';
import { storageProblems } from './storage.ts';

/** What of the values contradicts itself or falls short of production, each with what to do. */
export function contradictions(values: Values): string[] {
  const problems = [
    ...databaseProblems(values),
    ...storageProblems(values),
    ...redisProblems(values),
    ...anchorProblems(values),
  ];
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
      'several instances (REDIS_URL) need a root key that all of them have, and a keyring lies in the DATA_DIR of one: set TOKEN_ENCRYPTION_KEY, TOKEN_ENCRYPTION_PASSPHRASE, MCP_KMS_KEY, KMS_KEY_ARN or VAULT_TRANSIT_KEY to the same on all',
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
