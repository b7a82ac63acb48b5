import { describe, expect, it } from 'vitest';
import type { Call } from './call.ts';
import { methodOf } from './methods.ts';
import { eventTail, outcomeOf, tailBytesMax } from './outcome.ts';

const call: Call = {
  era: 'legacy',
  kind: 'request',
  id: 5,
  method: 'tools/call',
  is: methodOf('tools/call'),
  name: 'a',
  params: undefined,
  progressToken: undefined,
  mirror: {},
};
const event = (message: object, ends = '\n\n'): string =>
  `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}${ends}`;
const tailOf = (text: string, chunkBytes: number): unknown => {
  const tail = eventTail(call);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) tail.see(bytes.subarray(at, at + chunkBytes));
  return tail.outcome();
};

describe('the outcome of an event stream', () => {
  const progress = event({ method: 'notifications/progress', params: { progress: 1 } });

  it.each([1, 7, 1000])('is that of the event that answers the call, in chunks of %d bytes', (chunkBytes) => {
    for (const ends of ['\n\n', '\r\n\r\n', '\r\r']) {
      const text = progress + event({ id: 5, result: {} }, ends) + event({ id: 6, error: { code: 1 } }, ends);
      expect(tailOf(text, chunkBytes)).toEqual({ out: 'success', bytes: text.length });
    }
    const failed = progress + event({ id: 5, error: { code: -32603, message: '' } });
    expect(tailOf(failed, chunkBytes)).toEqual({ out: 'failure', code: '-32603', bytes: failed.length });
  });

  it('is unknown when the stream ends without the answer, or with one of another type of id', () => {
    expect(tailOf(progress, 9)).toMatchObject({ out: 'unknown' });
    expect(tailOf(event({ id: '5', result: {} }), 9)).toMatchObject({ out: 'unknown' });
    expect(tailOf('data: {"id":5,"resu', 9)).toMatchObject({ out: 'unknown' });
    expect(tailOf('', 9)).toMatchObject({ out: 'unknown', bytes: 0 });
  });

  it('is found after any amount of other events, and data of several lines is one message', () => {
    const text =
      progress.repeat(20_000) + 'event: message\nid: 9\ndata: {"id":5,\ndata:"result":{"isError":true}}\n\n';
    expect(tailOf(text, 16_384)).toEqual({ out: 'failure', code: 'tool_error', bytes: text.length });
  });

  it('is unknown rather than guessed when the answer is longer than what is kept', () => {
    expect(
      tailOf(event({ id: 5, result: { text: 'x'.repeat(tailBytesMax + 32_768) } }), 16_384),
    ).toMatchObject({
      out: 'unknown',
    });
  });
});

it('a notification succeeds when it is taken, whatever the body says', () => {
  const notification: Call = { ...call, kind: 'notification', id: undefined };
  expect(outcomeOf(notification, 202, Buffer.alloc(0))).toEqual({ out: 'success', bytes: 0 });
  expect(outcomeOf(notification, 400, Buffer.from('{}'))).toEqual({ out: 'failure', code: '400', bytes: 2 });
});
