import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { adoptFile } from '../admin/adopt-file.ts';
import { recorded, type Operator } from '../admin/recorded.ts';
import type { AppConfig } from '../config.ts';
import { parseServersFile } from '../domain/mcp-servers-file.ts';
import type { StdioUpstream, Upstream } from '../domain/upstream.ts';
import { upstreamObject } from '../domain/upstreams.ts';
import { requestId } from '../domain/request-id.ts';
import type { Log } from '../log.ts';
import type { Ground } from './ground.ts';
import { readServersFile } from './servers-file.ts';

/** Bring the kept upstreams in line with the servers file, and give a first start its sample. */
export async function configureUpstreams(
  ground: Ground,
  config: AppConfig,
  log: Log,
  now: () => number,
): Promise<void> {
  const text = readServersFile(config.mcpServersFile);
  const wanted = text === undefined ? [] : parsed(text, config.mcpServersFile.path, log);
  const operator = starting(ground, now);
  const adopted = await adoptFile(ground, operator, wanted);
  for (const upstream of adopted.shadowed)
    log.warn({ upstream }, 'added by hand and named in the servers file: the one added by hand stays');
  if (config.environment !== 'production') await offerSample(ground, operator, now);
}

function parsed(text: string, path: string, log: Log): readonly Upstream[] {
  const { upstreams, warnings } = parseServersFile(text, path);
  for (const warning of warnings) log.warn({ file: path }, warning);
  return upstreams;
}

const sampleOffered = { uniqueKey: 'sample-upstream' };

// Offered once in the life of a data directory: whoever removes it has removed it.
async function offerSample(ground: Ground, operator: Operator, now: () => number): Promise<void> {
  const { tables, upstreams, administrator } = ground;
  const sample = sampleUpstream();
  if (sample === undefined || upstreams.list(administrator.tenant).length > 0) return;
  if ((await tables.put('uniques', { ...sampleOffered, atMs: now() }, { ifAbsent: true })) === undefined)
    return;
  const { tenant } = administrator;
  const act = {
    act: 'upstream.add' as const,
    object: upstreamObject(tenant, sample.name),
    service: sample.name,
  };
  await recorded(ground.audit, operator, act, (receipt) => upstreams.add(receipt, tenant, sample));
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

function starting(ground: Ground, now: () => number): Operator {
  const { tenant, subject } = ground.administrator;
  const actor = { type: 'system', id: 'start' } as const;
  return { subject, context: { tenant, actor, source: 'system', correlation: requestId(now()) } };
}
