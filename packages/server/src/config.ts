// The one place that reads the environment. Everybody else is handed the frozen result.
import { join, resolve } from 'node:path';
import { active, type ActiveName, type Values } from './config/active.ts';
import { anchorsOf, type AnchorChoice } from './config/anchors.ts';
import { databaseOf, dynamoOf, type DatabaseChoice, type DynamoChoice } from './config/database.ts';
import { redisOf, type RedisChoice } from './config/redis.ts';
import { chooseKeys, openingKeys, type KeyChoice } from './config/keys.ts';
import { contradictions, remarks, severalProblems } from './config/rules.ts';
import { gather } from './config/sources.ts';
import { storageOf, type StorageChoice } from './config/storage.ts';
import { secretOf, type Active, type Secret } from './config/variable.ts';
import { refuse } from './errors.ts';

export { dynamoProblems, type DatabaseChoice, type DynamoChoice } from './config/database.ts';
export type { RedisChoice } from './config/redis.ts';
export type { KmsChoice } from './config/kms.ts';
export type { KeyChoice } from './config/keys.ts';
export type { TransitChoice } from './config/transit.ts';
export type { StorageChoice } from './config/storage.ts';
export type { Secret } from './config/variable.ts';

const activeNames = Object.keys(active) as ActiveName[];

/** Everything that the environment decides. Frozen in depth; secrets are closures that neither print nor serialise. */
export interface AppConfig {
  readonly environment: 'production' | 'development' | 'test';
  readonly host: string;
  /** 0: a free port. */
  readonly port: number;
  /** The public origin without a trailing slash; `undefined`: the address that is listened on. */
  readonly publicOrigin: string | undefined;
  /** Where other instances reach this one, without a trailing slash; `undefined`: none can. */
  readonly advertiseUrl: string | undefined;
  readonly authSecret: Secret | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Whose clock says what is outside business hours, for groups without a zone of their own; IANA name. */
  readonly auditZone: string;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly database: DatabaseChoice;
  /** Where DynamoDB is, for a move of the data to it; `database` says whether it is in use. */
  readonly dynamodb: DynamoChoice;
  readonly storage: StorageChoice;
  /** What several instances share beside the database; `undefined`: there is one instance. */
  readonly redis: RedisChoice | undefined;
  readonly keys: KeyChoice;
  /** Further providers, which open what they wrapped before; a keyring that lies in `dataDirectory` is opened by itself. */
  readonly openingKeys: readonly KeyChoice[];
  /** Whose keys are wrapped, for a key service that binds and logs it. */
  readonly serviceName: string;
  /** `path` is absolute; `named`: somebody set it, so that a missing file is an error. */
  readonly mcpServersFile: { readonly path: string; readonly named: boolean };
  /** MCP calls need no token (`MCP_DEV_SKIP_AUTH`): development on this machine only. */
  readonly skipsAuth: boolean;
  /** Sign-in in a browser; `undefined`: there is none (`ENABLE_WEBUI=false`). */
  readonly signIn: SignInConfig | undefined;
  readonly limits: {
    /** MCP requests of one client in any 60 seconds. */
    readonly mcpRequestsPerMinute: number;
    /** Questions of one auditor in any 60 seconds. */
    readonly adminRequestsPerMinute: number;
    /** OAuth requests to one endpoint from one network in any 60 seconds. */
    readonly oauthRequestsPerMinute: number;
    readonly requestTimeoutSeconds: number;
    /** The oldest MCP revision that is spoken. */
    readonly protocolMin: string;
    readonly bodyBytesMax: number;
    /** The only commands that are run as upstreams; `undefined`: any that the operator has described. */
    readonly stdioCommands: readonly string[] | undefined;
  };
  /** What becomes of the audit log. */
  readonly auditLog: {
    /** How long its entries are at hand. */
    readonly hotDays: number;
    /** Takes every entry as well; absolute. `undefined`: there is none. */
    readonly secondFile: string | undefined;
    /** Where its checkpoints are noted elsewhere. */
    readonly anchors: AnchorChoice;
  };
  /** How the server stops. */
  readonly drain: {
    /** Health fails, calls are still taken. */
    readonly delaySeconds: number;
    /** After that: new calls are refused, those under way may finish. */
    readonly seconds: number;
  };
  /** One line each, without a value; shown at the start and by `doctor`. */
  readonly warnings: readonly string[];
  /** Every secret that is configured, for the log's redaction. */
  readonly secrets: readonly Secret[];
}

/** How people sign in in a browser. */
export interface SignInConfig {
  /** `undefined`: no mail is sent. */
  readonly mail: { readonly smtpUrl: Secret; readonly from: string } | undefined;
  /** Whether a link to an address that nobody has makes an account. */
  readonly signUp: 'open' | 'closed';
  /** Attempts from one network in any 60 seconds. */
  readonly loginsPerMinute: number;
  readonly signUpsPerMinute: number;
}

/** Where {@link initConfig} looks. */
export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Holds `.env`; relative paths start from it. */
  readonly cwd: string;
}

/**
 * Read and judge the configuration once. The environment wins over `.env`; an empty text is "not set".
 *
 * @param sources the process's own environment and working directory when left out
 * @throws Refusal `config_invalid` that lists every problem, one a line, without the value of any variable
 */
export function initConfig(sources: ConfigSources = { env: process.env, cwd: process.cwd() }): AppConfig {
  const { texts, warnings, problems } = gather(sources.env, sources.cwd);
  const { values, invalid } = parse(texts);
  const keys = chooseKeys(values, texts);
  const all = [
    ...problems,
    ...invalid,
    ...contradictions(values),
    ...('problem' in keys ? [keys.problem] : severalProblems(values, keys)),
  ];
  if ('problem' in keys || all.length > 0)
    throw refuse(
      'config_invalid',
      ['the configuration is refused:', ...all.map((line) => `- ${line}`)].join('\n'),
    );
  const opening = openingKeys(keys, values, texts);
  const said = [...warnings, ...opening.remarks, ...remarks(values)];
  return frozen({ ...shape(values, keys, said, sources.cwd), openingKeys: opening.choices });
}

/**
 * The token for reading a published log, for a command that needs no other configuration.
 *
 * @throws Refusal `config_invalid` when a file that is named for it cannot be read
 */
export function readAuditToken(
  sources: ConfigSources = { env: process.env, cwd: process.cwd() },
): string | undefined {
  const named = Object.entries(sources.env).filter(([name]) => /^SEALGATE_AUDIT_TOKEN(_FILE)?$/.test(name));
  const { texts, problems } = gather(Object.fromEntries(named), sources.cwd);
  const [problem] = problems.filter((line) => line.includes('SEALGATE_AUDIT_TOKEN'));
  if (problem !== undefined) throw refuse('config_invalid', problem);
  return texts.get('SEALGATE_AUDIT_TOKEN');
}

/** Where a text is invalid its default stands in, so that the rules over several values are judged as well. */
function parse(texts: ReadonlyMap<string, string>): { values: Values; invalid: string[] } {
  const values: Partial<Record<ActiveName, unknown>> = {};
  const invalid: string[] = [];
  for (const name of activeNames) {
    const variable: Active = active[name];
    const found = variable.parse.safeParse(texts.get(name) ?? variable.default);
    if (!found.success && texts.has(name)) invalid.push(`${name} must be ${variable.expected}`);
    values[name] = (found.success ? found : variable.parse.safeParse(variable.default)).data;
  }
  return { values: values as Values, invalid };
}

function shape(
  values: Values,
  keys: KeyChoice,
  warnings: readonly string[],
  cwd: string,
): Omit<AppConfig, 'openingKeys'> {
  const dataDirectory = resolve(cwd, values.DATA_DIR);
  const file = values.MCP_SERVERS_FILE;
  const secrets = activeNames.flatMap((name) => {
    const value = values[name];
    return active[name].secret && typeof value === 'string' ? [secretOf(name, value)] : [];
  });
  return {
    environment: values.NODE_ENV,
    host: values.HOST,
    port: values.PORT,
    publicOrigin: values.FRONTEND_URL,
    advertiseUrl: values.ADVERTISE_URL,
    authSecret: secrets.find(({ name }) => name === 'AUTH_SECRET'),
    logLevel: values.LOG_LEVEL,
    auditZone: values.AUDIT_LOG_ZONE,
    dataDirectory,
    database: databaseOf(values),
    dynamodb: dynamoOf(values),
    storage: storageOf(values),
    redis: redisOf(values),
    keys,
    serviceName: values.SERVICE_NAME,
    mcpServersFile: {
      path: file === undefined ? join(dataDirectory, 'mcp.json') : resolve(cwd, file),
      named: file !== undefined,
    },
    skipsAuth: values.MCP_DEV_SKIP_AUTH,
    signIn: signInOf(values, secrets),
    limits: {
      mcpRequestsPerMinute: values.RATE_LIMIT_MCP_RPM,
      adminRequestsPerMinute: values.RATE_LIMIT_ADMIN_RPM,
      oauthRequestsPerMinute: values.RATE_LIMIT_OAUTH_RPM,
      requestTimeoutSeconds: values.REQUEST_TIMEOUT_SECONDS,
      protocolMin: values.MCP_MIN_PROTOCOL_VERSION,
      bodyBytesMax: values.BODY_BYTES_MAX,
      stdioCommands: values.MCP_STDIO_COMMANDS,
    },
    auditLog: auditLogOf(values, secrets, cwd),
    drain: { delaySeconds: values.DRAIN_DELAY_SECONDS, seconds: values.DRAIN_SECONDS },
    warnings,
    secrets,
  };
}

function auditLogOf(values: Values, secrets: readonly Secret[], cwd: string): AppConfig['auditLog'] {
  const second = values.AUDIT_LOG_SECOND_FILE;
  return {
    hotDays: values.AUDIT_LOG_RETENTION_DAYS,
    secondFile: second === undefined ? undefined : resolve(cwd, second),
    anchors: anchorsOf(values, secrets),
  };
}

function signInOf(values: Values, secrets: readonly Secret[]): SignInConfig | undefined {
  if (!values.ENABLE_WEBUI) return undefined;
  const smtpUrl = secrets.find(({ name }) => name === 'SMTP_URL');
  const from = values.MAIL_FROM;
  return {
    mail: smtpUrl === undefined || from === undefined ? undefined : { smtpUrl, from },
    signUp: values.SIGN_UP,
    loginsPerMinute: values.RATE_LIMIT_LOGIN_RPM,
    signUpsPerMinute: values.RATE_LIMIT_SIGNUP_RPM,
  };
}

function frozen<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part);
  return Object.freeze(value);
}
