import { z } from 'zod';
import { refuse } from '../errors.ts';
import { looksSecret } from './secret-shapes.ts';
import { faultsOf, secretFault } from './upstream-rules.ts';
import type { Upstream } from './upstream.ts';

// The file that MCP clients know: `mcpServers` of Claude, Cursor and others, `servers` of VS Code. It describes
// upstreams; secrets are refused. Nothing in it is expanded: `${HOME}` stays what it is.

const fileBytesMax = 1024 * 1024;
const serversMax = 200;

const place = z.discriminatedUnion('in', [
  z.strictObject({
    in: z.literal('header'),
    name: z.string().default('authorization'),
    scheme: z.enum(['bearer', 'basic', 'plain']).default('bearer'),
  }),
  z.strictObject({ in: z.literal('query'), name: z.string() }),
  z.strictObject({ in: z.literal('env'), name: z.string() }),
]);
const fields = z.record(z.string().min(1).max(200), z.enum(['clear', 'hmac', 'drop']));
/** What is said of an upstream's `audit`. */
export const auditForm = z.strictObject({
  fields: fields.optional(),
  tools: z.record(z.string().min(1).max(200), z.strictObject({ fields })).optional(),
});
const both = { disabled: z.boolean().optional(), credential: place.optional(), audit: auditForm.optional() };
const stdioServer = z.strictObject({
  ...both,
  type: z.literal('stdio').optional(),
  command: z.string().min(1),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  cwd: z.string().min(1).optional(),
});
const httpServer = z.strictObject({
  ...both,
  type: z.enum(['http', 'streamable-http', 'streamableHttp']).optional(),
  url: z.string().min(1),
  headers: z.record(z.string(), z.string()).default({}),
});
const servers = z.record(z.string(), z.record(z.string(), z.unknown()));
const file = z.strictObject({
  $schema: z.string().optional(),
  mcpServers: servers.optional(),
  servers: servers.optional(),
  inputs: z.array(z.unknown()).optional(),
});

/** What a file says. */
export interface ServersFile {
  readonly upstreams: readonly Upstream[];
  /** What was left out and why, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Read a servers file. Beside the familiar keys it may say where a credential goes: `"credential": {"in": "header", "name":
 * "X-Api-Key", "scheme": "plain"}`, `{"in": "query", "name": …}` or, for a command, `{"in": "env", "name": …}`. `"audit": {"fields": {"query":
 * "clear"}}` says what the log keeps of parameters.
 *
 * @param source the file's name, for messages
 * @throws Refusal `upstream_invalid` that lists everything wrong with it, one a line; never a secret
 */
export function parseServersFile(text: string, source: string): ServersFile {
  if (Buffer.byteLength(text) > fileBytesMax)
    throw faulty(source, [`it is larger than ${fileBytesMax} bytes`]);
  const parsed = file.safeParse(jsonOf(text, source));
  if (!parsed.success) throw faulty(source, issues(parsed.error));
  const { mcpServers, servers: vsCode, inputs } = parsed.data;
  if (mcpServers !== undefined && vsCode !== undefined)
    throw faulty(source, ['it has both "mcpServers" and "servers"; keep one']);
  const entries = Object.entries(mcpServers ?? vsCode ?? {});
  if (entries.length > serversMax) throw faulty(source, [`it has more than ${serversMax} servers`]);
  const read = entries.map(([name, entry]) => readServer(name, entry));
  const faults = read.flatMap((one) => one.faults);
  if (faults.length > 0) throw faulty(source, faults);
  const asked =
    (inputs ?? []).length > 0
      ? ['"inputs" are not asked for; set a credential with: sealgate connections set <upstream>']
      : [];
  return {
    upstreams: read.flatMap(({ upstream }) => upstream ?? []),
    warnings: [...asked, ...read.flatMap(({ warnings }) => warnings)],
  };
}

interface Read {
  readonly upstream: Upstream | undefined;
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

function readServer(name: string, entry: Readonly<Record<string, unknown>>): Read {
  const bad = (faults: readonly string[]): Read => ({
    upstream: undefined,
    faults: faults.map((fault) => `server "${name}": ${fault}`),
    warnings: [],
  });
  if (entry['type'] === 'sse')
    return bad(['the HTTP+SSE transport of 2024 is not supported; give its Streamable HTTP address']);
  if ('command' in entry && 'url' in entry) return bad(['it has both a command and a url; keep one']);
  if (!('command' in entry) && !('url' in entry)) return bad(['it needs a command or a url']);
  return 'command' in entry ? readStdio(name, entry, bad) : readHttp(name, entry, bad);
}

function readStdio(name: string, entry: unknown, bad: (faults: readonly string[]) => Read): Read {
  const parsed = stdioServer.safeParse(entry);
  if (!parsed.success) return bad(issues(parsed.error));
  const { command, args, env, cwd, credential, disabled, audit } = parsed.data;
  if (credential !== undefined && credential.in !== 'env')
    return bad(['the credential of a command goes into its environment: {"in": "env", "name": …}']);
  const upstream: Upstream = {
    kind: 'stdio',
    name,
    command,
    args,
    env,
    cwd,
    credential,
    ...(audit && { audit }),
  };
  const faults = faultsOf(upstream);
  if (faults.length > 0) return bad(faults);
  if (disabled === true) return skipped(name);
  const placeholders = [...args, ...Object.values(env)].some((value) => value.includes('${'));
  return {
    upstream,
    faults: [],
    warnings: placeholders ? [`server "${name}": "\${…}" is not expanded`] : [],
  };
}

function readHttp(name: string, entry: unknown, bad: (faults: readonly string[]) => Read): Read {
  const parsed = httpServer.safeParse(entry);
  if (!parsed.success) return bad(issues(parsed.error));
  const { url, headers, credential, disabled, audit } = parsed.data;
  const upstream: Upstream = { kind: 'http', name, url, credential, ...(audit && { audit }) };
  const plain = Object.entries(headers).map(([header, value]) =>
    looksSecret(header, value)
      ? secretFault(`header ${header}`, name)
      : `header ${header} is not sent: an upstream gets the headers of MCP and its credential's; remove it`,
  );
  const faults = [...plain, ...faultsOf(upstream)];
  if (faults.length > 0) return bad(faults);
  return disabled === true ? skipped(name) : { upstream, faults: [], warnings: [] };
}

function skipped(name: string): Read {
  return { upstream: undefined, faults: [], warnings: [`server "${name}" is disabled and was left out`] };
}

function jsonOf(text: string, source: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // The parser's own message quotes the text, which may hold a secret.
    throw faulty(source, ['it is not JSON (comments and trailing commas are not either)']);
  }
}

function issues(error: z.ZodError): readonly string[] {
  return error.issues.map((issue) => {
    const path = issue.path.join('.');
    if (issue.code === 'unrecognized_keys')
      return `${path === '' ? '' : `${path}: `}unknown ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
    return `${path === '' ? '' : `${path}: `}${issue.message}`;
  });
}

function faulty(source: string, faults: readonly string[]) {
  return refuse(
    'upstream_invalid',
    [`${source} is refused:`, ...faults.map((fault) => `- ${fault}`)].join('\n'),
  );
}
