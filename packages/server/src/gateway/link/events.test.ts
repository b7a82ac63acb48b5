import { expect, test } from 'vitest';
import { eventsOf, type StreamEvent } from './events.ts';

async function readAll(pieces: readonly (string | Uint8Array)[]): Promise<readonly StreamEvent[]> {
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) yield Buffer.from(piece as string);
  }
  const read: StreamEvent[] = [];
  for await (const event of eventsOf(body())) read.push(event);
  return read;
}

const text =
  'id: 7\nretry: 250\ndata: {"a":\ndata: "ü€"}\n\n: comment\n\nevent: message\ndata:x\n\ndata: cut';
const events = [
  { id: '7', retryMs: 250, data: '{"a":\n"ü€"}' },
  { id: undefined, retryMs: undefined, data: 'x' },
];

test('events are the same however the stream is cut, and whichever line ends it has', async () => {
  for (const ends of ['\n', '\r\n', '\r'])
    for (const bytes of [1, 2, 3, 7, 1000]) {
      const all = Buffer.from(text.replaceAll('\n', ends));
      const pieces = Array.from({ length: Math.ceil(all.length / bytes) }, (_, n) =>
        all.subarray(n * bytes, (n + 1) * bytes),
      );
      expect(await readAll(pieces)).toEqual(events);
    }
});

test('an event that only names itself is one, so that the stream can be taken up there', async () => {
  expect(await readAll(['id: a\ndata:\n\n'])).toEqual([{ id: 'a', retryMs: undefined, data: '' }]);
});

test('an event without an end is cut off', async () => {
  const piece = 'x'.repeat(8 * 1024 * 1024);
  await expect(readAll(['data: ', ...Array.from({ length: 9 }, () => piece)])).rejects.toThrow(RangeError);
});
