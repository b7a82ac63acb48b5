// The variables that this version reads. The manual, the parser, the near-miss check and the type of the
// parsed values are all made from this table, so a variable is added in one place.
import type { z } from 'zod';
import { auditVariables } from './audit-variables.ts';
import { kmsVariables } from './kms-variables.ts';
import { choice, host, mailServer, origin, sender, text, whole } from './parsers.ts';
import { storeVariables } from './store-variables.ts';
import type { Active } from './variable.ts';
import { transitVariables, vaultVariables } from './vault-variables.ts';

/** Every variable that this version reads, by name. */
export const active = {
  NODE_ENV: {
    group: 'core',
    doc: 'What kind of deployment this is. `production` turns the strict rules on.',
    default: 'development',
    secret: false,
    parse: choice('production', 'development', 'test'),
    expected: 'production, development or test',
  },
  PORT: {
    group: 'core',
    doc: 'TCP port to listen on; 0 takes a free one.',
    default: '3000',
    secret: false,
    parse: whole(0, 65_535),
    expected: 'a whole number from 0 to 65535',
  },
  HOST: {
    group: 'core',
    doc: 'Address to listen on. The container image sets `0.0.0.0`.',
    default: '127.0.0.1',
    secret: false,
    parse: host,
    expected: 'an IP address or a host name, without scheme and port',
  },
  AUTH_SECRET: {
    group: 'core',
    doc: 'Root of the sign-in cookies and codes. At least 64 characters; required in production.',
    default: undefined,
    secret: true,
    parse: text,
    expected: 'a text',
  },
  FRONTEND_URL: {
    group: 'core',
    doc: 'The public origin: issuer and base of call-back addresses. `https` in production.',
    default: undefined,
    secret: false,
    parse: origin,
    expected: 'an origin such as https://gateway.example.com, without user, path or query',
  },
  ADVERTISE_URL: {
    group: 'core',
    doc: 'Where other instances of this deployment reach this one, such as `http://10.0.0.5:3000`: they pass on what only this instance can answer. Never the public address. Not set: this instance is on its own.',
    default: undefined,
    secret: false,
    parse: origin,
    expected: 'an origin such as http://10.0.0.5:3000, without user, path or query',
  },
  LOG_LEVEL: {
    group: 'core',
    doc: 'Least severe log line that is written: `debug`, `info`, `warn` or `error`.',
    default: 'info',
    secret: false,
    parse: choice('debug', 'info', 'warn', 'error'),
    expected: 'debug, info, warn or error',
  },
  DATA_DIR: {
    group: 'core',
    doc: 'Where everything of this deployment lies. The container image sets `/app/data`.',
    default: './data',
    secret: false,
    parse: text,
    expected: 'a path',
  },
  ...auditVariables,
  MCP_SERVERS_FILE: {
    group: 'core',
    doc: 'A file of upstreams in the `mcpServers` form that MCP clients use. Not set: `mcp.json` in `DATA_DIR`, if it is there.',
    default: undefined,
    secret: false,
    parse: text,
    expected: 'a path',
  },
  ENABLE_WEBUI: {
    group: 'core',
    doc: 'Whether people can use this gateway in a browser. `false`: no page, sign-in link or cookie; MCP clients that need a person to sign in cannot be connected.',
    default: 'true',
    secret: false,
    parse: choice('true', 'false').transform((word) => word === 'true'),
    expected: 'true or false',
  },
  SIGN_UP: {
    group: 'core',
    doc: 'Whether a sign-in link to an address that nobody has makes a new account: `open` or `closed`. A new account owns its own group and sees no other.',
    default: 'open',
    secret: false,
    parse: choice('open', 'closed'),
    expected: 'open or closed',
  },
  ...storeVariables,
  ...vaultVariables,
  KEY_PROVIDER: {
    group: 'keys',
    doc: 'Where the root key lies: `keyring` (a file in `DATA_DIR`), `env`, `passphrase`, `hkdf`, `kms` or `transit`. Not set: the one whose variable is present, else `keyring`. Set: where the variables of others are present, or a keyring lies in `DATA_DIR`, they open what they wrapped before.',
    default: undefined,
    secret: false,
    parse: choice('keyring', 'env', 'passphrase', 'hkdf', 'kms', 'transit'),
    expected: 'keyring, env, passphrase, hkdf, kms or transit',
  },
  TOKEN_ENCRYPTION_KEY: {
    group: 'keys',
    doc: 'The root key of `KEY_PROVIDER=env`: 32 random bytes in base64.',
    default: undefined,
    secret: true,
    parse: text,
    expected: 'a text',
  },
  TOKEN_ENCRYPTION_PASSPHRASE: {
    group: 'keys',
    doc: 'The passphrase of `KEY_PROVIDER=passphrase`; the root key is derived from it by Argon2id, in data of earlier versions by PBKDF2.',
    default: undefined,
    secret: true,
    parse: text,
    expected: 'a text',
  },
  MCP_KMS_KEY: {
    group: 'keys',
    doc: 'The root key of `KEY_PROVIDER=hkdf`: at least 32 bytes; tenant keys are derived from it by HKDF.',
    default: undefined,
    secret: true,
    parse: text,
    expected: 'a text',
  },
  ...kmsVariables,
  ...transitVariables,
  RATE_LIMIT_MCP_RPM: {
    group: 'limits',
    doc: 'MCP requests that one client may send in any 60 seconds.',
    default: '600',
    unit: 'requests a minute',
    secret: false,
    parse: whole(1, 10_000_000),
    expected: 'a whole number from 1 to 10000000',
  },
  RATE_LIMIT_LOGIN_RPM: {
    group: 'limits',
    doc: 'Sign-in attempts from one address in any 60 seconds. An IPv6 address counts with its /64.',
    default: '5',
    unit: 'requests a minute',
    secret: false,
    parse: whole(1, 10_000_000),
    expected: 'a whole number from 1 to 10000000',
  },
  RATE_LIMIT_SIGNUP_RPM: {
    group: 'limits',
    doc: 'Sign-in links to addresses without an account that one address may ask for in any 60 seconds. Further ones are not sent, and nothing says so.',
    default: '2',
    unit: 'requests a minute',
    secret: false,
    parse: whole(1, 10_000_000),
    expected: 'a whole number from 1 to 10000000',
  },
  RATE_LIMIT_ADMIN_RPM: {
    group: 'limits',
    doc: 'Questions of one auditor to the audit log over HTTP in any 60 seconds. Of the files of the published log it is a hundred times as many.',
    default: '60',
    unit: 'requests a minute',
    secret: false,
    parse: whole(1, 10_000_000),
    expected: 'a whole number from 1 to 10000000',
  },
  RATE_LIMIT_OAUTH_RPM: {
    group: 'limits',
    doc: 'Requests to each OAuth endpoint from one address in any 60 seconds. An IPv6 address counts with its /64.',
    default: '60',
    unit: 'requests a minute',
    secret: false,
    parse: whole(1, 10_000_000),
    expected: 'a whole number from 1 to 10000000',
  },
  REQUEST_TIMEOUT_SECONDS: {
    group: 'limits',
    doc: 'The longest that one call may take until its answer begins.',
    default: '300',
    unit: 'seconds',
    secret: false,
    parse: whole(1, 86_400),
    expected: 'a whole number from 1 to 86400',
  },
  BODY_BYTES_MAX: {
    group: 'limits',
    doc: 'The largest request body.',
    default: '4194304',
    unit: 'bytes',
    secret: false,
    parse: whole(1_024, 67_108_864),
    expected: 'a whole number from 1024 to 67108864',
  },
  SMTP_URL: {
    group: 'mail',
    doc: 'Where mail is handed in, with user and password: `smtp://user:password@mail.example.com:587` or `smtps://…`. The connection is encrypted unless the server is on this machine.',
    default: undefined,
    secret: true,
    parse: mailServer,
    expected: 'an address such as smtp://user:password@mail.example.com:587, without a path',
  },
  MAIL_FROM: {
    group: 'mail',
    doc: 'Sender of mail: `gate@example.com` or `Sealgate <gate@example.com>`. Required with `SMTP_URL`.',
    default: undefined,
    secret: false,
    parse: sender,
    expected: 'an address such as gate@example.com or Sealgate <gate@example.com>',
  },
  DRAIN_DELAY_SECONDS: {
    group: 'limits',
    doc: 'How long a gateway that was told to stop answers health checks with 503 and still takes calls. Behind a load balancer: the time it needs to notice (threshold × interval + time-out).',
    default: '0',
    unit: 'seconds',
    secret: false,
    parse: whole(0, 3_600),
    expected: 'a whole number from 0 to 3600',
  },
  DRAIN_SECONDS: {
    group: 'limits',
    doc: 'How long calls under way may go on once new ones are refused; then they are cut off.',
    default: '10',
    unit: 'seconds',
    secret: false,
    parse: whole(0, 3_600),
    expected: 'a whole number from 0 to 3600',
  },
  MCP_MIN_PROTOCOL_VERSION: {
    group: 'core',
    doc: 'The oldest MCP revision that clients may speak; older ones are told which are supported. `2026-07-28` serves no sessions at all.',
    default: '2025-03-26',
    secret: false,
    parse: choice('2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'),
    expected: '2025-03-26, 2025-06-18, 2025-11-25 or 2026-07-28',
  },
  MCP_STDIO_COMMANDS: {
    group: 'core',
    doc: 'The only commands that are run as upstreams, by comma, each written as in the upstream it is for; not set: whichever the operator has described. No request can name a command.',
    default: undefined,
    secret: false,
    parse: text
      .transform((list) => list.split(',').map((command) => command.trim()))
      .refine((commands) => commands.every((command) => command !== '')),
    expected: 'commands separated by commas, such as npx,uvx,/usr/local/bin/tool',
  },
  MCP_DEV_SKIP_AUTH: {
    group: 'development',
    doc: '`true` switches sign-in off for MCP calls: whoever comes from this machine is the local administrator. Refused in production and on a `HOST` that others reach.',
    default: 'false',
    secret: false,
    parse: choice('true', 'false').transform((word) => word === 'true'),
    expected: 'true or false',
  },
} as const satisfies Record<string, Active>;

/** The name of a variable that this version reads. */
export type ActiveName = keyof typeof active;

/** What the variables say, parsed; `undefined` where one without a default is not set. */
export type Values = {
  readonly [N in ActiveName]:
    | z.output<(typeof active)[N]['parse']>
    | ((typeof active)[N]['default'] extends string ? never : undefined);
};
