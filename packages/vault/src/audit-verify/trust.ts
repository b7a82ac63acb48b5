import { Refusal } from '../refusal.ts';
import { openCheckpoint, type Checkpoint } from '../tlog/checkpoint.ts';
import { parseVkey } from '../tlog/vkey.ts';
import type { Findings } from './findings.ts';
import { anchorsPath, parseShardOrigin, policyPath, rootOrigin } from './layout.ts';
import { bytesMax, textOf, type LogSource } from './source.ts';

// What a verdict rests on: whose log it is, which keys may speak for it, and what was known of it before.

const vkeysMax = 32;

/** Whose log it is, and by which keys. */
export interface Trust {
  readonly deployment: string;
  readonly vkeys: readonly string[];
  /** `given`: by whoever verifies. `stated`: by the log itself, so it only proves that it agrees with itself. */
  readonly keys: 'given' | 'stated';
}

/** A state in which a log has been before. */
export interface Known extends Checkpoint {
  /** Who says so, as in "than … says". */
  readonly by: string;
}

/**
 * Read the policy.
 *
 * @param given verifier keys that whoever verifies knows from elsewhere; the policy's own are not trusted then
 * @returns `undefined` when there is none or it is not in its form, which is told
 */
export async function readTrust(
  source: LogSource,
  given: readonly string[] | undefined,
  findings: Findings,
): Promise<Trust | undefined> {
  const bytes = await source.read(policyPath, bytesMax.policy);
  const policy = bytes && parsePolicy(textOf(bytes) ?? '');
  if (policy === undefined) {
    findings.add({ state: 'unreadable', path: policyPath, says: 'there is no policy of a log here' });
    return undefined;
  }
  if (given === undefined) return { ...policy, keys: 'stated' };
  for (const vkey of given) parseVkey(vkey);
  if (!policy.vkeys.some((vkey) => given.includes(vkey)))
    findings.add({
      state: 'tampered',
      path: policyPath,
      says: 'the policy names another key than the one given',
    });
  return { deployment: policy.deployment, vkeys: given, keys: 'given' };
}

/** What whoever verifies has kept, and where findings go. */
export interface Kept {
  readonly remembered: readonly string[];
  readonly anchors: readonly string[];
  readonly findings: Findings;
}

/** Checkpoints that were noted elsewhere, by origin: those beside the log, and those whoever verifies has kept. */
export async function readKnown(
  source: LogSource,
  { deployment, vkeys }: Trust,
  { remembered, anchors, findings }: Kept,
): Promise<ReadonlyMap<string, readonly Known[]>> {
  const bytes = await source.read(anchorsPath, bytesMax.anchors);
  const beside = bytes === undefined ? [] : parseLines(textOf(bytes));
  if (beside === undefined)
    findings.add({ state: 'tampered', path: anchorsPath, says: 'the file of anchors is not in its form' });
  const known = new Map<string, Known[]>();
  const take = (note: string, by: string, path?: string): void => {
    const checkpoint = holding(note, vkeys);
    const origin = checkpoint?.origin;
    const ours =
      origin === rootOrigin(deployment) || (origin !== undefined && parseShardOrigin(deployment, origin));
    if (checkpoint === undefined || origin === undefined || ours === false || ours === undefined)
      findings.add({ state: 'tampered', ...(path && { path }), says: `${by} does not hold` });
    else {
      const states = known.get(origin) ?? [];
      known.set(origin, states);
      states.push({ ...checkpoint, by });
    }
  };
  for (const note of beside ?? []) take(note, 'an anchor', anchorsPath);
  for (const note of anchors) take(note, 'an anchor that was given');
  for (const note of remembered) take(note, 'a remembered checkpoint');
  return known;
}

function holding(note: string, vkeys: readonly string[]): Checkpoint | undefined {
  try {
    const { origin, size, root } = openCheckpoint(note, { origin: undefined, vkeys });
    return { origin, size, root };
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function parsePolicy(text: string): Pick<Trust, 'deployment' | 'vkeys'> | undefined {
  try {
    const { v, deployment, vkeys } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const named = typeof deployment === 'string' && /^[^\s+\p{Cc}]{1,512}$/u.test(deployment);
    if (v !== 1 || !named || !Array.isArray(vkeys) || vkeys.length === 0 || vkeys.length > vkeysMax)
      return undefined;
    if (!vkeys.every((vkey) => typeof vkey === 'string')) return undefined;
    for (const vkey of vkeys) parseVkey(vkey);
    return { deployment, vkeys };
  } catch {
    return undefined;
  }
}

/** A JSON string a line. */
function parseLines(text: string | undefined): string[] | undefined {
  try {
    const lines = text?.split('\n').filter((line) => line !== '');
    const notes = lines?.map((line): unknown => JSON.parse(line));
    return notes?.every((note) => typeof note === 'string') === true ? notes : undefined;
  } catch {
    return undefined;
  }
}
