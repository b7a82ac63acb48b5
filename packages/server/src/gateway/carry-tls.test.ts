import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { selfSigned } from '../outgoing/fixtures/self-signed.ts';
import { carryDefaults, openCarry } from './carry.ts';

it('sends nothing to an upstream whose certificate nobody vouches for', async () => {
  let asked = 0;
  const server = createServer(selfSigned(), (_, response) => {
    asked++;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const open = openCarry(carryDefaults);
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const signal = new AbortController().signal;
  const sent = open.carry({
    origin,
    path: '/',
    method: 'POST',
    headers: { authorization: 'Bearer k' },
    body: Buffer.from('{}'),
    signal,
  });
  await expect(sent).rejects.toMatchObject({
    code: 'upstream_unavailable',
    message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') as unknown,
  });
  expect(asked).toBe(0);
  await open.close();
  await new Promise((resolve) => server.close(resolve));
});
