import { readEventId, type EventRecords } from './event-records.ts';
import type { SessionLimits } from './session-limits.ts';
import type { SessionRecord } from './session-record.ts';
import type { Told } from './session-streams.ts';
import type { Places, Position } from './target.ts';

// How far each upstream of a session was heard: up to what is written down for its client. An upstream's place lies beside
// each event; the session's record holds those of a moment ago, so whoever takes the session over reads the few events
// that came after it, and goes on with each upstream exactly where the last owner was.

/** How far the upstreams of one session were heard. */
export interface Heard {
  of(upstream: string): Position | undefined;
  all(): Places;
  /** A message went its way. @returns whether the record has to be stored: whoever takes over would read too much, or not find it */
  told(told: Told): boolean;
  /** The record is being stored as it is now. */
  stored(): void;
}

const eventsMax = 64;

/** Begin where an earlier owner was. */
export function openHeard(
  before: Places,
  limits: Pick<SessionLimits, 'eventsMax' | 'eventBytesMax' | 'eventSeconds'>,
  now: () => number,
): Heard {
  const places = new Map(Object.entries(before));
  const since = { events: 0, characters: 0, atMs: now() };
  const isMuch = (): boolean =>
    since.events >= Math.min(eventsMax, limits.eventsMax / 4) ||
    since.characters >= limits.eventBytesMax / 4 ||
    now() - since.atMs >= limits.eventSeconds * 250;
  return {
    of: (upstream) => places.get(upstream),
    all: () => Object.fromEntries(places),
    told({ at, characters, written }) {
      const known = places.get(at.upstream);
      places.set(at.upstream, at);
      since.events += 1;
      since.characters += characters;
      return known?.session !== at.session || !written || isMuch();
    },
    stored() {
      Object.assign(since, { events: 0, characters: 0, atMs: now() });
    },
  };
}

/** How far the owners before this one heard the upstreams. @throws what `Records` throws */
export async function heardBefore(
  events: Pick<EventRecords, 'readFrom'>,
  { heard, told, generation: last }: SessionRecord,
): Promise<Places> {
  const places: Record<string, Position> = { ...heard };
  const first = told === undefined ? undefined : readEventId(told);
  if (first === undefined) return places;
  const { stream } = first;
  for (let { generation } = first; generation <= last; generation += 1) {
    const number = generation === first.generation ? first.number + 1 : 1;
    for (const { at } of await events.readFrom({ stream, generation, number }))
      if (at !== undefined) places[at.upstream] = at;
  }
  return places;
}
