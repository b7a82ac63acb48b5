import type { Client, DiscoverResult } from '@modelcontextprotocol/client';
import type { Refusal } from '@sealgate/vault';

/** Which half of the protocol's history a link speaks. */
export type Era = 'legacy' | 'modern';

/** What is known of the eras that a command speaks. */
export interface ChildEras {
  /** `undefined`: nobody has wanted to know. */
  readonly legacy?: boolean;
  /** Its discover result, by which it is reached without a probe; `false`: it does not speak this era. */
  readonly modern?: DiscoverResult | false;
}

/**
 * The era to speak with a child: the preferred one, unless the command is known to speak only the other.
 *
 * @param silent the era that it has just not answered in
 */
export function eraOf(known: ChildEras | undefined, prefer: Era, silent: Era | undefined): Era {
  const spoken = known?.[prefer] !== false && silent !== prefer;
  return spoken ? prefer : otherEra(prefer);
}

/** The other one of the two. */
export function otherEra(era: Era): Era {
  return era === 'legacy' ? 'modern' : 'legacy';
}

/** What a connected client found out. */
export function learnt(client: Client): ChildEras {
  const discover = client.getDiscoverResult();
  return discover === undefined ? { legacy: true } : { modern: discover };
}

/** How the SDK's `connect` is told of an era; `{}`: it probes, which starts the command twice. */
export function priorOf(era: Era, known: ChildEras | undefined) {
  if (era === 'legacy') return { prior: { kind: 'legacy' as const } };
  const discover = known?.modern;
  return discover === undefined || discover === false ? {} : { prior: { kind: 'modern' as const, discover } };
}

/** A command did not answer in an era of which nothing was known: it may speak the other one. */
export class SilentInEra extends Error {
  readonly era: Era;
  /** What to say when it does not speak the other one either. */
  readonly refusal: Refusal;

  constructor(era: Era, refusal: Refusal) {
    super(refusal.message);
    this.era = era;
    this.refusal = refusal;
  }
}
