import { expect, test } from 'vitest';
import { slips, wrongName } from './names.ts';

test.each([
  ['PROT', 'PORT'],
  ['HOTS', 'HOST'],
  ['NODE_EVN', 'NODE_ENV'],
  ['AUTH_SECERT', 'AUTH_SECRET'],
  ['AUTH_SECRETS', 'AUTH_SECRET'],
  ['AUTH_SECRET_FILES', 'AUTH_SECRET_FILE'],
  ['auth_secret', 'AUTH_SECRET'],
  ['LOGLEVEL', 'LOG_LEVEL'],
  ['LOG_LEVL', 'LOG_LEVEL'],
  ['DATADIR', 'DATA_DIR'],
  ['FRONTEND_URI', 'FRONTEND_URL'],
  ['REDIS_URI', 'REDIS_URL'],
  ['KEY_PROVDIER', 'KEY_PROVIDER'],
  ['TOKEN_ENCRYPTION_KEYS', 'TOKEN_ENCRYPTION_KEY'],
  ['TOKEN_ENCRYPTION_PASSPHRSE', 'TOKEN_ENCRYPTION_PASSPHRASE'],
  ['RATE_LIMIT_MCP_RPS', 'RATE_LIMIT_MCP_RPM'],
  ['RATE_LIMIT_MPC_RPM', 'RATE_LIMIT_MCP_RPM'],
  ['REQUEST_TIMEOUT_SECOND', 'REQUEST_TIMEOUT_SECONDS'],
  ['BODY_BYTE_MAX', 'BODY_BYTES_MAX'],
  ['MCP_SERVER_FILE', 'MCP_SERVERS_FILE'],
  ['DYNAMODB_REGOIN', 'DYNAMODB_REGION'],
  ['STORAGE_BUCKETS', 'STORAGE_BUCKET'],
])('%s is refused and %s suggested', (name, meant) => {
  expect(wrongName(name, 'x')).toBe(`${name} is not known: did you mean ${meant}?`);
});

test.each([
  'SEALGATE_MODE',
  'MAIN_DB_HOSTNAME',
  'RATE_LIMIT_EVERYTHING',
  'MCP_DEV_FAST',
  'AUDIT_LOG_COLOUR',
  'ENABLE_WEBUI_V2',
])('%s carries our prefix and is refused', (name) => {
  expect(wrongName(name, 'x')).toContain(name);
});

test.each(
  `HOME HOSTNAME PWD OLDPWD PATH USER LOGNAME SHELL TERM LANG LC_ALL TZ TMPDIR EDITOR DISPLAY CI PORTS HOSTS POST COST MAIL
  SHLVL _ NODE NODE_PATH NODE_OPTIONS NODE_EXTRA_CA_CERTS INIT_CWD npm_config_cache npm_lifecycle_event XDG_DATA_DIRS LS_COLORS
  port host HTTP_PROXY https_proxy NO_PROXY SSH_AUTH_SOCK GPG_AGENT_INFO AWS_REGION AWS_PROFILE AWS_KMS_KEY_ID GCP_KMS_KEY
  AUTH0_SECRET JWT_SECRET SECRET_KEY APP_SECRET VAULT_CACERT VAULT_SKIP_VERIFY GITHUB_TOKEN GITHUB_ACTIONS GITHUB_REPOSITORY
  GITLAB_CLIENT_ID GOOGLE_APPLICATION_CREDENTIALS GROQ_API_KEY MISTRAL_API_KEY DISCORD_TOKEN REDIS_HOST REDIS_PORT DATABASE_URL
  BACKEND_URL PUBLIC_URL BASE_URL LOG_FORMAT LOG_FILE DEBUG MCP_API_KEY MCP_TIMEOUT DATA_PATH KUBERNETES_SERVICE_HOST`.split(
    /\s+/,
  ),
)('%s is none of our business', (name) => {
  expect(wrongName(name, 'x')).toBeUndefined();
});

test.each([
  'SEALGATE_SERVICE_HOST',
  'SEALGATE_SERVICE_PORT',
  'SEALGATE_SERVICE_PORT_HTTP',
  'SEALGATE_PORT',
  'STORAGE_PORT_9000_TCP_ADDR',
])('%s, which an orchestrator sets for a neighbour, is left alone', (name) => {
  expect(wrongName(name, 'tcp://10.0.0.7:3000')).toBeUndefined();
});

test('SEALGATE_PORT with a plain number is a slip of a person', () => {
  expect(wrongName('SEALGATE_PORT', '3000')).toContain('SEALGATE_PORT');
});

test.each([
  ['abc', 'abc', 0],
  ['abc', 'acb', 1],
  ['abc', 'ab', 1],
  ['abc', 'abcd', 1],
  ['abc', 'axc', 1],
  ['ca', 'abc', 3],
  ['kitten', 'sitting', 3],
])('from %s to %s are %i slips', (a, b, expected) => {
  expect(slips(a, b, 9)).toBe(expected);
  expect(slips(b, a, 9)).toBe(expected);
});
