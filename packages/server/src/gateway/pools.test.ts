import { expect, it } from 'vitest';
import { carryDefaults, openCarry } from './carry.ts';

it.each([
  '169.254.169.254',
  '[fd00:ec2::254]',
  '[::ffff:169.254.169.254]',
  '0xA9FEA9FE',
  '[fe80::1]',
  '0.0.0.0',
])('no credential goes to an upstream at %s, even if the operator named it', async (host) => {
  const open = openCarry(carryDefaults);
  const sent = open.carry({
    origin: new URL(`http://${host}`).origin,
    path: '/latest/meta-data/',
    method: 'GET',
    headers: { authorization: 'Bearer k' },
    body: undefined,
    signal: new AbortController().signal,
  });
  await expect(sent).rejects.toMatchObject({
    code: 'upstream_unavailable',
    message: expect.stringContaining('address_forbidden') as unknown,
  });
  await open.close();
});
