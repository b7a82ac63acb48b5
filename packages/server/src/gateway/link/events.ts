/** One event of a stream (WHATWG HTML, server-sent events). */
export interface StreamEvent {
  /** `undefined` when it has none. */
  readonly id: string | undefined;
  /** Milliseconds to wait before the stream is opened again; `undefined` when it says nothing. */
  readonly retryMs: number | undefined;
  /** `''` when it carries nothing but an id. */
  readonly data: string;
}

/** Longest event that is read. An upstream that sends a longer one is cut off. */
const eventCharactersMax = 64 * 1024 * 1024;

/**
 * The events of a body, as they come.
 *
 * @throws RangeError for an event beyond 64 MiB; whatever reading the body throws
 */
export async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  const reading = openReading();
  for await (const chunk of body) yield* reading.take(decoder.decode(chunk, { stream: true }));
}

function openReading() {
  let pieces: string[] = [];
  let rest = '';
  let lines: string[] = [];
  let characters = 0;
  return {
    *take(text: string): Generator<StreamEvent> {
      pieces.push(text);
      characters += text.length;
      if (characters > eventCharactersMax) throw new RangeError('an event is too long');
      // A long line comes in many chunks and is looked at once.
      if (!/[\r\n]/.test(text) && !rest.endsWith('\r')) return;
      const parts = (rest + pieces.join('')).split(/\r\n|\n|\r(?!$)/);
      pieces = [];
      rest = parts.pop() ?? '';
      for (const line of parts) {
        if (line !== '') {
          lines.push(line);
          continue;
        }
        const event = eventFrom(lines);
        lines = [];
        characters = rest.length;
        if (event !== undefined) yield event;
      }
    },
  };
}

function eventFrom(lines: readonly string[]): StreamEvent | undefined {
  const data: string[] = [];
  let id: string | undefined;
  let retryMs: number | undefined;
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') data.push(value);
    if (name === 'id' && !value.includes('\0')) id = value;
    if (name === 'retry' && /^\d{1,9}$/.test(value)) retryMs = Number(value);
  }
  if (data.length === 0 && id === undefined && retryMs === undefined) return undefined;
  return { id, retryMs, data: data.join('\n') };
}
