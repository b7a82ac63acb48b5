import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { AuditContext, Receipt } from '@sealgate/vault';

import type { AppConfig } from '../config.ts';
import { parseServersFile } from '../domain/mcp-servers-file.ts';
import type { StdioUpstream, Upstream } from '../domain/upstream.ts';
import { upstreamObject } from '../domain/upstreams.ts';
import { refuse } from '../errors.ts';
import { requestId } from '../http/request-id.ts';
import type { Log } from '../log.ts';
import type { Ground } from './ground.ts';

/** Bring the kept upstreams in line with the servers file, and give a first start its sample. */
export async function configureUpstreams(
  ground: Ground,
  config: AppConfig,
  log: Log,
  now: () => number,
): Promise<void> {
  const { text } = readServers(config);
  const wanted = text === undefined ? [] : parsed(text, config.mcpServersFile.path, log);
  await follow(ground, wanted, log, now);
  if (config.environment !== 'production') await offerSample(ground, now);
}

function readServers({ mcpServersFile: { path, named } }: AppConfig): { readonly text: string | undefined } {
  try {
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    if (!named && (error as NodeJS.ErrnoException).code === 'ENOENT') return { text: undefined };
    throw refuse(
      'config_invalid',
      'the file that MCP_SERVERS_FILE names cannot be read',
      String(error),
      error,
    );
  }
}

function parsed(text: string, path: string, log: Log): readonly Upstream[] {
  const { upstreams, warnings } = parseServersFile(text, path);
  for (const warning of warnings) log.warn({ file: path }, warning);
  return upstreams;
}

// The file is followed: what it no longer names goes, what it changed is replaced. What was added by hand stays, and wins.
async function follow(
  ground: Ground,
  wanted: readonly Upstream[],
  log: Log,
  now: () => number,
): Promise<void> {
  const { tenant } = ground.administrator;
  const kept = ground.upstreams.list(tenant);
  for (const { origin, upstream } of kept) {
    if (origin !== 'file' || wanted.some((one) => isDeepStrictEqual(one, upstream))) continue;
    const receipt = await recorded(ground, 'upstream.remove', upstream.name, now);
    await ground.upstreams.remove(receipt, tenant, upstream.name);
  }
  for (const upstream of wanted) {
    const known = kept.find((one) => one.upstream.name === upstream.name);
    if (known?.origin === 'admin')
      log.warn(
        { upstream: upstream.name },
        'added by hand and named in the servers file: the one added by hand stays',
      );
    if (ground.upstreams.find(tenant, upstream.name) !== undefined) continue;
    const receipt = await recorded(ground, 'upstream.add', upstream.name, now);
    await ground.upstreams.add(receipt, tenant, upstream, 'file');
  }
}

const sampleOffered = { uniqueKey: 'sample-upstream' };

// Offered once in the life of a data directory: whoever removes it has removed it.
async function offerSample(ground: Ground, now: () => number): Promise<void> {
  const { tables, upstreams, administrator } = ground;
  const sample = sampleUpstream();
  if (sample === undefined || upstreams.list(administrator.tenant).length > 0) return;
  if ((await tables.put('uniques', { ...sampleOffered, atMs: now() }, { ifAbsent: true })) === undefined)
    return;
  const receipt = await recorded(ground, 'upstream.add', sample.name, now);
  await upstreams.add(receipt, administrator.tenant, sample);
}

/** The sample server, when it is installed beside the gateway. */
function sampleUpstream(): StdioUpstream | undefined {
  const name = '@modelcontextprotocol/server-everything';
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: Record<string, string> };
    const program = join(dirname(manifest), Object.values(bin)[0]!);
    const args = [program, 'stdio'];
    return {
      kind: 'stdio',
      name: 'everything',
      command: process.execPath,
      args,
      env: {},
      cwd: undefined,
      credential: undefined,
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

async function recorded(ground: Ground, act: string, name: string, now: () => number): Promise<Receipt> {
  const { tenant } = ground.administrator;
  const context: AuditContext = {
    tenant,
    actor: { type: 'system', id: 'start' },
    source: 'system',
    correlation: requestId(now()),
  };
  const receipt = await ground.audit.record('strict', context, {
    act,
    object: upstreamObject(tenant, name),
    service: name,
  });
  ground.audit.outcome(receipt.entry, context, { out: 'success' });
  return receipt;
}
