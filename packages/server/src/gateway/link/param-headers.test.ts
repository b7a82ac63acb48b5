import { expect, it } from 'vitest';
import { openParamHeaders } from './param-headers.ts';

const tool = (name: string, properties: object) => ({ name, inputSchema: { type: 'object', properties } });
const header = (type: string, wanted: unknown) => ({ type, 'x-mcp-header': wanted });

it('mirrors what a listed tool wants, nested arguments too, and nothing of other tools', () => {
  const headers = openParamHeaders();
  const nested = { type: 'object', properties: { zone: header('integer', 'Zone') } };
  const listed = { tools: [tool('a', { region: header('string', 'Region'), nested }), tool('b', {})] };
  expect(headers.learn(listed)).toBe(listed);
  const args = { region: 'eu', nested: { zone: 4 }, other: 'x' };
  expect(headers.of({ name: 'a', arguments: args })).toEqual({
    'mcp-param-region': 'eu',
    'mcp-param-zone': '4',
  });
  expect(headers.of({ name: 'b', arguments: args })).toEqual({});
});

it('leaves out tools whose headers cannot be, and keeps the others and all else', () => {
  const broken = [
    tool('empty', { v: header('string', '') }),
    tool('space', { v: header('string', 'My Region') }),
    tool('line', { v: header('string', 'a\r\nX-Evil: 1') }),
    tool('text', { v: header('string', 7) }),
    tool('object', { v: header('object', 'Data') }),
    tool('number', { v: header('number', 'Score') }),
    tool('twice', { v: header('string', 'Region'), w: header('string', 'region') }),
  ];
  const fine = tool('fine', { v: header('boolean', 'Flag') });
  const headers = openParamHeaders();
  expect(headers.learn({ tools: [...broken, fine], nextCursor: 'c' })).toEqual({
    tools: [fine],
    nextCursor: 'c',
  });
  expect(headers.of({ name: 'line', arguments: { v: 'x' } })).toEqual({});
});
