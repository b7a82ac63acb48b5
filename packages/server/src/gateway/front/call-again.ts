import { ProtocolError } from '@modelcontextprotocol/client';
import { missingFor } from './input-capabilities.ts';
import type { Values } from './target.ts';

// -32042 of 2025-11-25: the upstream turns a call down until the person has been at an address. 2026-07-28 asks for that
// with `input_required`; the retry makes the call again, as the first one did nothing.

/** What to ask for; `undefined`: the error is another one, or the client opens no addresses. */
export function againOf(error: unknown, capabilities: Values): Values | undefined {
  if (!(error instanceof ProtocolError) || error.code !== -32042) return undefined;
  const { elicitations } = (error.data ?? {}) as { elicitations?: unknown };
  if (!Array.isArray(elicitations) || elicitations.length === 0) return undefined;
  if (missingFor('elicitation/create', { mode: 'url' }, capabilities) !== undefined) return undefined;
  const requests = (elicitations as readonly Values[])
    .slice(0, 16)
    .map(({ message, url }, at) => [
      `input-${at + 1}`,
      { method: 'elicitation/create', params: { mode: 'url', message, url } },
    ]);
  return Object.fromEntries(requests) as Values;
}

/** @throws ProtocolError when the person did not go there: the call would be turned down again */
export function refuseDeclined(inputResponses: unknown): void {
  const answers = Object.values((inputResponses ?? {}) as Values) as readonly (Values | null)[];
  if (answers.length === 0 || answers.some((answer) => answer?.['action'] !== 'accept'))
    throw new ProtocolError(-32000, 'what the upstream asks for first was declined');
}
