// Names of the product that nothing in this version reads. They are known, so that a configuration which
// carries them still starts: each one that is set is warned of, and its value is not kept.
import type { Described, Group } from './variable.ts';

type Row = readonly [name: string, fallback: string | undefined, doc: string];

function plain(group: Group, rows: readonly Row[]): [string, Described][] {
  return rows.map(([name, fallback, doc]) => [name, { group, doc, default: fallback, secret: false }]);
}

function secrets(
  group: Group,
  rows: readonly (readonly [name: string, doc: string])[],
): [string, Described][] {
  return rows.map(([name, doc]) => [name, { group, doc, default: undefined, secret: true }]);
}

function provider(prefix: string, name: string): [string, Described][] {
  return [
    ...plain('OAuth', [[`${prefix}_CLIENT_ID`, undefined, `Client id at ${name}.`]]),
    ...secrets('OAuth', [[`${prefix}_CLIENT_SECRET`, `Client secret at ${name}.`]]),
    ...plain('OAuth', [
      [
        `${prefix}_REDIRECT_URI`,
        undefined,
        `Call-back address at ${name}; made from \`FRONTEND_URL\` when not set.`,
      ],
    ]),
  ];
}

const core = plain('core', [
  [
    'AUDIT_LOG_DIR',
    undefined,
    'Where `SecureTokenManager` keeps its journals; `audit` in `DATA_DIR` when not set.',
  ],
  ['TRUST_PROXY', undefined, 'Which proxies may name the caller in `X-Forwarded-For`.'],
]);
const database = plain('database', [
  ['SESSIONS_TABLE', 'mcp-gateway-sessions', 'Table of the stand-alone session store, never prefixed.'],
]);
const vault = plain('Vault', [['VAULT_KV_PATH', undefined, 'Path of the secrets in its key-value store.']]);
const secretStores = plain('secrets', [
  [
    'AWS_SECRETS_ENABLED',
    'false',
    'Fetch secrets from AWS Secrets Manager before the configuration is read.',
  ],
  [
    'SECRETS_PROVIDER',
    undefined,
    'Where secrets come from: `env`, `vercel`, `vault`, `encrypted-file`, `file`, `aws` or `custom`.',
  ],
]);
const llm = [
  ...plain('LLM', [
    ['LLM_PROVIDER', undefined, 'The assistant’s provider: `anthropic`, `openai` or `grok`.'],
    ['DEFAULT_MODEL', 'claude-sonnet-4-6', 'The assistant’s model.'],
    ['ANTHROPIC_BASE_URL', undefined, 'Another address of Anthropic’s API.'],
    ['OPENAI_BASE_URL', undefined, 'Another address of OpenAI’s API.'],
    ['GROK_BASE_URL', undefined, 'Another address of xAI’s API.'],
    ['ROUTER_ENABLED', 'false', 'Choose a model for each request.'],
    ['ENABLE_META_MCP_SEARCH', 'false', 'Search over MCP tools by meaning.'],
  ]),
  ...secrets('LLM', [
    ['ANTHROPIC_API_KEY', 'Key of Anthropic’s API.'],
    ['OPENAI_API_KEY', 'Key of OpenAI’s API.'],
    ['GROK_API_KEY', 'Key of xAI’s API.'],
  ]),
];
const oauth = [
  ...provider('GOOGLE', 'Google'),
  ...provider('GMAIL', 'Google, for Gmail'),
  ...provider('GITHUB', 'GitHub'),
  ...provider('MICROSOFT', 'Microsoft'),
  ...plain('OAuth', [['MICROSOFT_TENANT', undefined, 'The Microsoft tenant that people sign in from.']]),
];
const discord = [
  ...secrets('Discord', [['DISCORD_BOT_TOKEN', 'Token of the bot.']]),
  ...plain('Discord', [
    ['DISCORD_CLIENT_ID', undefined, 'Application id of the bot.'],
    ['DISCORD_CHANNEL_IDS', undefined, 'Channels it answers in, separated by commas.'],
  ]),
];
const limits = plain('limits', [
  ['RATE_LIMIT_TENANT_RPM', '120', 'Requests of one tenant in any 60 seconds.'],
  ['RATE_LIMIT_ADMIN_RPM', '60', 'Requests to the administration in any 60 seconds.'],
  ['MUTATION_MAX_RETRIES', '5', 'How often a mutation is tried again after the first try.'],
  ['AUTO_PROVISION_TENANTS', 'false', 'Whether an unknown master key makes a tenant.'],
]);

/** Every known name that this version does not read. */
export const reserved: ReadonlyMap<string, Described> = new Map([
  ...core,
  ...database,
  ...vault,
  ...secretStores,
  ...llm,
  ...oauth,
  ...discord,
  ...limits,
]);
