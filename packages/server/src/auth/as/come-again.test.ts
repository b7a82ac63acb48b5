import { Refusal } from '@sealgate/vault';
import type { Adapter, KoaContextWithOIDC } from 'oidc-provider';
import { expect, it } from 'vitest';
import { answeringLater, comingBack } from './come-again.ts';
import { errors } from './provider-library.ts';

const away = new Refusal('store_unavailable', 'Redis does not answer', 'connect ECONNREFUSED 10.0.0.1:6379');

function failing(error: Error): Adapter {
  const fail = (): Promise<never> => Promise.reject(error);
  return {
    find: fail,
    findByUid: fail,
    findByUserCode: fail,
    upsert: fail,
    consume: fail,
    destroy: fail,
    revokeByGrantId: fail,
  };
}

it('whatever the provider asks of a store that is away, it hears when to ask again, and not where the store is', async () => {
  const adapter = comingBack(() => failing(away))('AccessToken');
  const asked = [
    adapter.find('x'),
    adapter.findByUid('x'),
    adapter.findByUserCode('x'),
    adapter.upsert('x', {}, 1),
    adapter.consume('x'),
    adapter.destroy('x'),
    adapter.revokeByGrantId('x'),
  ];
  for (const work of asked) {
    const error: unknown = await Promise.resolve(work).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(errors.OIDCProviderError);
    expect(error).toMatchObject({
      message: 'temporarily_unavailable',
      statusCode: 503,
      expose: true,
      error_description: 'Redis does not answer',
    });
    expect(JSON.stringify(error)).not.toContain('10.0.0.1');
  }
});

it('a fault stays a fault, and a refusal of the provider its own', async () => {
  for (const error of [new Error('x'), new errors.InvalidGrant('y'), new Refusal('open_failed', 'z')])
    await expect(comingBack(() => failing(error))('Grant').find('x')).rejects.toBe(error);
});

it('what fails around the routes of the provider is answered alike', async () => {
  const headers: Record<string, string> = {};
  const context = { set: (name: string, value: string) => (headers[name] = value) };
  const asKoa = context as unknown as KoaContextWithOIDC;
  const around = answeringLater(async (_, next) => void (await next()));
  await around(asKoa, () => Promise.reject(away));
  expect(context).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
  expect(headers).toEqual({ 'retry-after': '5' });
  const fault = new Error('x');
  await expect(around(asKoa, () => Promise.reject(fault))).rejects.toBe(fault);
});
