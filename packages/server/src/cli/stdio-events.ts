import { refuse } from '../errors.ts';

// Server-sent events (WHATWG HTML §9.2.6), as far as MCP uses them.

/** One event. */
export interface ServerEvent {
  /** The last id seen so far, this event's included; `undefined` when there was none. */
  readonly id: string | undefined;
  /** `''` for an event that only sets an id or a time. */
  readonly data: string;
}

/** What reads a stream, piece by piece. */
export interface EventReader {
  /** Events that are complete with this piece. @throws Refusal `answer_too_large` */
  push(text: string): readonly ServerEvent[];
  /** Milliseconds to wait before asking again, when the server said so. */
  readonly retryMs: () => number | undefined;
}

/** @param charactersMax of one event */
export function openEventReader(charactersMax: number): EventReader {
  let partial: string[] = [];
  let held = 0;
  let endsInReturn = false;
  let event: { data: string[]; seen: boolean } = { data: [], seen: false };
  let id: string | undefined;
  let retryMs: number | undefined;
  const field = (line: string): void => {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') event.data.push(value);
    else if (name === 'id' && !value.includes('\0')) id = value === '' ? undefined : value;
    else if (name === 'retry' && /^\d{1,7}$/.test(value)) retryMs = Number(value);
    event.seen ||= name === 'data' || name === 'id';
  };
  return {
    retryMs: () => retryMs,
    push(text) {
      // A line may end in CR LF, and the two may come apart.
      let rest = endsInReturn ? `\r${text}` : text;
      endsInReturn = rest.endsWith('\r');
      if (endsInReturn) rest = rest.slice(0, -1);
      held += rest.length;
      if (held > charactersMax) throw refuse('answer_too_large', 'an answer is larger than is taken here');
      const lines = rest.split(/\r\n|\n|\r/);
      const last = lines.pop() ?? '';
      const events: ServerEvent[] = [];
      for (const end of lines) {
        const line = partial.length === 0 ? end : partial.join('') + end;
        partial = [];
        if (line !== '') {
          field(line);
          continue;
        }
        if (event.seen) events.push({ id, data: event.data.join('\n') });
        event = { data: [], seen: false };
        held = 0;
      }
      if (last !== '') partial.push(last);
      return events;
    },
  };
}
