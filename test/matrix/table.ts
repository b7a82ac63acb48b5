import { revisions } from './front.ts';
import type { Feature } from './features.ts';

/** An upstream of one era, over one transport. */
export interface UpstreamKind {
  readonly name: string;
  readonly era: 'legacy' | 'modern';
  readonly over: 'http' | 'stdio';
}

/** Every kind of upstream. Names are short: they stand before each tool's. */
export const upstreamKinds: readonly UpstreamKind[] = [
  { name: 'old-http', era: 'legacy', over: 'http' },
  { name: 'new-http', era: 'modern', over: 'http' },
  { name: 'old-stdio', era: 'legacy', over: 'stdio' },
  { name: 'new-stdio', era: 'modern', over: 'stdio' },
];

/** The table of docs/protocol.md: a dash where the client's revision does not have the feature yet. */
export function tableOf(features: readonly Pick<Feature, 'name' | 'since'>[]): string {
  const lines = features.map(
    ({ name, since }) =>
      `| ${name} | ${revisions.map((revision) => (since <= revision ? 'yes' : '–')).join(' | ')} |`,
  );
  return [`| | ${revisions.join(' | ')} |`, `| --- |${' --- |'.repeat(revisions.length)}`, ...lines].join(
    '\n',
  );
}
