import type { Call } from '../calls.ts';

/** What a search came to. */
export interface SearchResult {
  /** The newest first. */
  readonly calls: readonly Call[];
  /** Calls that were looked at. */
  readonly looked: number;
  /** Whether everything was looked at; otherwise a bound was met first. */
  readonly whole: boolean;
}

/** Where a search ends: after so many that were found, or looked at. */
export interface SearchBounds {
  readonly foundMax: number;
  readonly lookedMax: number;
}

/** Look for a text in the names that calls carry, in upper or lower case. Not in parameters: those are asked for by {@link ParamMatch}. */
export async function searchCalls(
  calls: AsyncIterable<readonly Call[]>,
  text: string,
  { foundMax, lookedMax }: SearchBounds,
): Promise<SearchResult> {
  const wanted = text.toLowerCase();
  const found: Call[] = [];
  let looked = 0;
  for await (const page of calls)
    for (const call of page) {
      if (looked >= lookedMax || found.length >= foundMax) return { calls: found, looked, whole: false };
      looked += 1;
      if (namesIn(call).some((name) => name.toLowerCase().includes(wanted))) found.push(call);
    }
  return { calls: found, looked, whole: true };
}

function namesIn({ attempt, outcome }: Call): readonly string[] {
  const { act, obj, svc, req, actor, src, tenant, corr, id } = attempt;
  const names = [act, obj, svc, req?.tool, req?.method, actor?.id, src?.ip, src?.agent, tenant, corr, id];
  return [...names, outcome?.code, outcome?.out].filter((name): name is string => name !== undefined);
}
