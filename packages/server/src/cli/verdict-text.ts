import type { Finding, LogState } from '@sealgate/vault/audit-verify';
import { columns } from './terminal.ts';

// What verifying found, as people read it.

/** The verdict in one line. */
export const said: Readonly<Record<LogState, string>> = {
  ok: 'Ok: whole and unchanged',
  tampered: 'Tampered: something contradicts what was signed, or stood there before',
  incomplete: 'Incomplete: nothing contradicts what was signed, but a part is missing',
  unreadable: 'Unreadable: it cannot be said whether it is whole',
};
const shownMax = 50;

/** What was found, the first fifty. */
export function findingLines({ findings }: { readonly findings: readonly Finding[] }): readonly string[] {
  const rows = findings
    .slice(0, shownMax)
    .map(({ state, log, index, path, says }) => [state, log ?? '', String(index ?? ''), path ?? '', says]);
  const more = findings.length - rows.length;
  return [
    ...(rows.length === 0 ? [] : [columns(['FOUND', 'LOG', 'ENTRY', 'FILE', 'WHAT'], rows, '').trimEnd()]),
    ...(more > 0 ? [`and ${more} more; --json prints them`] : []),
  ];
}

/** What a verdict rests on. */
export function keyText(keys: 'given' | 'stated'): string {
  return keys === 'given'
    ? 'Keys: those you gave'
    : 'Keys: NOT compared with any that you hold; the log names them itself, and agrees with itself at most (--vkey)';
}
