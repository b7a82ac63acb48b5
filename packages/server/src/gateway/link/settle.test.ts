import { ProtocolError } from '@modelcontextprotocol/client';
import { expect, test } from 'vitest';
import type { Asked, Values } from '../front/target.ts';
import { settle } from './settle.ts';

const signal = new AbortController().signal;
const asks = (state: string, keys: readonly string[]): Values => ({
  resultType: 'input_required',
  requestState: state,
  inputRequests: Object.fromEntries(
    keys.map((key) => [key, { method: 'elicitation/create', params: { message: key } }]),
  ),
});

test('each question is asked, and the request is sent again with the answers and the state', async () => {
  const asked: Asked[] = [];
  const sent: Values[] = [];
  const answers = [asks('s2', ['c']), { resultType: 'complete', content: [] }];
  const result = await settle(
    asks('s1', ['a', 'b']),
    { name: 'tool' },
    {
      signal,
      ask: async (question) => (asked.push(question), { action: 'accept', of: question.params?.['message'] }),
      again: async (params) => (sent.push(params), answers.shift()),
    },
  );
  expect(result).toEqual({ content: [] });
  expect(asked.map(({ params }) => params?.['message'])).toEqual(['a', 'b', 'c']);
  expect(sent).toEqual([
    {
      name: 'tool',
      requestState: 's1',
      inputResponses: { a: { action: 'accept', of: 'a' }, b: { action: 'accept', of: 'b' } },
    },
    { name: 'tool', requestState: 's2', inputResponses: { c: { action: 'accept', of: 'c' } } },
  ]);
});

test('a server that never has enough is stopped', async () => {
  let rounds = 0;
  const again = async () => asks(`s${(rounds += 1)}`, ['a']);
  const settling = settle(asks('s', ['a']), undefined, { signal, ask: async () => ({}), again });
  await expect(settling).rejects.toThrow(/kept asking/);
  expect(rounds).toBe(8);
});

test('what the client refuses is refused, and nothing is sent again', async () => {
  const settling = settle(asks('s', ['a']), undefined, {
    signal,
    ask: () => Promise.reject(new ProtocolError(-32601, 'Method not found')),
    again: () => Promise.reject(new Error('sent again')),
  });
  await expect(settling).rejects.toMatchObject({ code: -32601 });
});
