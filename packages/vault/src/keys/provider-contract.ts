import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Refusal } from '../refusal.ts';
import type { KeyContext, KeyProvider } from './provider.ts';

// Every promise of KeyProvider as data: a test runner of any kind calls `run` with a way to open a fresh provider.

/** One promise of {@link KeyProvider}. `open` gives a provider with a root key nobody else has, ready to generate. */
export interface KeyProviderPromise {
  readonly name: string;
  run(open: () => Promise<KeyProvider>): Promise<void>;
}

const context: KeyContext = { deployment: 'd-1', tenant: 't-1', purpose: 'tenant', version: '000001' };

// Never the pairs `client_id: c-1, service: tokens`, though some of them run together to the same text.
const otherDetails: readonly Readonly<Record<string, string>>[] = [
  {},
  { client_id: 'c-1' },
  { service: 'tokens' },
  { client_id: 'c-2', service: 'tokens' },
  { client_id: 'tokens', service: 'c-1' },
  { client_idc: '-1', service: 'tokens' },
  { client_id: 'c-1', service: 'tokens', more: 'x' },
];

/** What every {@link KeyProvider} keeps. */
export const keyProviderContract: readonly KeyProviderPromise[] = [
  {
    name: 'gives back the very key it wrapped, in a buffer of its own',
    run: (open) =>
      using(open, async (provider) => {
        const made = await provider.generate({ tenant: 't-1', context });
        const opened = await unwrap(provider, made);
        assert.deepEqual(opened, made.plaintext);
        assert.equal(opened.length, 32);
        opened.fill(0);
        assert.notDeepEqual(opened, made.plaintext);
        assert.deepEqual(await unwrap(provider, made), made.plaintext);
      }),
  },
  {
    name: 'never makes the same key twice, nor wraps to the same bytes',
    run: (open) =>
      using(open, async (provider) => {
        const made = await Promise.all(
          Array.from({ length: 50 }, () => provider.generate({ tenant: 't-1', context })),
        );
        assert.equal(new Set(made.map((each) => each.plaintext.toString('hex'))).size, 50);
        assert.equal(new Set(made.map((each) => Buffer.from(each.wrapped).toString('hex'))).size, 50);
      }),
  },
  {
    name: 'does not show the key in its wrapped form',
    run: (open) =>
      using(open, async (provider) => {
        const made = await provider.generate({ tenant: 't-1', context });
        assert.equal(Buffer.from(made.wrapped).includes(made.plaintext), false);
      }),
  },
  ...(['deployment', 'tenant', 'purpose', 'version'] as const).map((field) => ({
    name: `refuses a wrapped key in another ${field}`,
    run: (open: () => Promise<KeyProvider>) =>
      using(open, async (provider) => {
        const made = await provider.generate({ tenant: 't-1', context });
        const other = { ...context, [field]: 'other' };
        await refused(provider.unwrap({ ...made, tenant: other.tenant, context: other }), 'open_failed');
        await refused(provider.rewrap({ ...made, tenant: other.tenant, context: other }), 'open_failed');
      }),
  })),
  {
    name: 'refuses a tenant that is not the one of the context',
    run: (open) =>
      using(open, async (provider) => {
        const made = await provider.generate({ tenant: 't-1', context });
        await refused(provider.unwrap({ ...made, tenant: 't-2', context }), 'open_failed');
        await refused(provider.generate({ tenant: 't-2', context }), 'open_failed');
      }),
  },
  {
    name: 'refuses every changed, cut and longer wrapped key',
    run: (open) =>
      using(open, async (provider) => {
        const made = await provider.generate({ tenant: 't-1', context });
        for (let at = 0; at < made.wrapped.length; at += 1) {
          const changed = Buffer.from(made.wrapped);
          changed[at] = (changed[at] ?? 0) ^ 0x10;
          await refused(
            unwrap(provider, { ...made, wrapped: changed }),
            'open_failed',
            'record_version_unknown',
          );
          await refused(
            unwrap(provider, { ...made, wrapped: made.wrapped.subarray(0, at) }),
            'open_failed',
            'record_version_unknown',
          );
        }
        const longer = Buffer.concat([made.wrapped, Buffer.alloc(1)]);
        await refused(unwrap(provider, { ...made, wrapped: longer }), 'open_failed');
      }),
  },
  {
    name: 'refuses what another root key wrapped, whatever name it is given',
    run: (open) =>
      using(open, (provider) =>
        using(open, async (stranger) => {
          const theirs = await stranger.generate({ tenant: 't-1', context });
          const ours = await provider.generate({ tenant: 't-1', context });
          await refused(unwrap(provider, theirs), 'key_unavailable');
          await refused(unwrap(provider, { ...theirs, keyRef: ours.keyRef }), 'open_failed');
        }),
      ),
  },
  {
    name: 'answers an unknown root key with key_unavailable',
    run: (open) =>
      using(open, async (provider) => {
        const made = await provider.generate({ tenant: 't-1', context });
        await refused(unwrap(provider, { ...made, keyRef: 'nobody' }), 'key_unavailable');
        await refused(provider.generate({ tenant: 't-1', keyRef: 'nobody', context }), 'key_unavailable');
      }),
  },
  {
    name: 'wraps the same key anew under the active root key',
    run: (open) =>
      using(open, async (provider) => {
        const made = await provider.generate({ tenant: 't-1', context });
        const again = await provider.rewrap({ ...made, tenant: 't-1', context });
        const active = (await provider.describe()).find((root) => root.active);
        assert.equal(again.keyRef, active?.keyRef);
        assert.deepEqual(await unwrap(provider, again), made.plaintext);
      }),
  },
  {
    name: 'wraps a key that exists, gives it back, and leaves the caller its bytes',
    run: (open) =>
      using(open, async (provider) => {
        const plaintext = randomBytes(32);
        const before = Buffer.from(plaintext);
        const made = await provider.wrap({ tenant: 't-1', plaintext, context });
        assert.deepEqual(plaintext, before);
        assert.equal(Buffer.from(made.wrapped).includes(plaintext), false);
        plaintext.fill(0);
        assert.deepEqual(await unwrap(provider, made), before);
        const active = (await provider.describe()).find((root) => root.active);
        assert.equal(made.keyRef, active?.keyRef);
        const named = await provider.wrap({
          tenant: 't-1',
          keyRef: made.keyRef,
          plaintext: before,
          context,
        });
        assert.equal(named.keyRef, made.keyRef);
        assert.deepEqual(await unwrap(provider, named), before);
        const again = await provider.rewrap({ ...named, tenant: 't-1', context });
        assert.deepEqual(await unwrap(provider, again), before);
      }),
  },
  {
    name: 'wraps no key of another length, nor for another tenant, nor under an unknown root key',
    run: (open) =>
      using(open, async (provider) => {
        for (const length of [0, 16, 31, 33, 64]) {
          const plaintext = randomBytes(length);
          await refused(provider.wrap({ tenant: 't-1', plaintext, context }), 'key_weak');
        }
        const plaintext = randomBytes(32);
        await refused(provider.wrap({ tenant: 't-2', plaintext, context }), 'open_failed');
        await refused(
          provider.wrap({ tenant: 't-1', keyRef: 'nobody', plaintext, context }),
          'key_unavailable',
        );
      }),
  },
  {
    name: 'binds the context of a key that it wrapped, and refuses every changed byte of it',
    run: (open) =>
      using(open, async (provider) => {
        const made = await provider.wrap({ tenant: 't-1', plaintext: randomBytes(32), context });
        for (const field of ['deployment', 'tenant', 'purpose', 'version'] as const) {
          const other = { ...context, [field]: 'other' };
          await refused(provider.unwrap({ ...made, tenant: other.tenant, context: other }), 'open_failed');
          await refused(provider.rewrap({ ...made, tenant: other.tenant, context: other }), 'open_failed');
        }
        for (let at = 0; at < made.wrapped.length; at += 1) {
          const changed = Buffer.from(made.wrapped);
          changed[at] = (changed[at] ?? 0) ^ 0x10;
          await refused(
            unwrap(provider, { ...made, wrapped: changed }),
            'open_failed',
            'record_version_unknown',
          );
        }
      }),
  },
  {
    name: 'binds the details, in whatever order they are written',
    run: (open) =>
      using(open, async (provider) => {
        const details = { client_id: 'c-1', service: 'tokens' };
        const bound = { ...context, details };
        const turned = { ...context, details: { service: 'tokens', client_id: 'c-1' } };
        const made = [
          await provider.generate({ tenant: 't-1', context: bound }),
          await provider.wrap({ tenant: 't-1', plaintext: randomBytes(32), context: bound }),
        ];
        for (const each of made) {
          const request = { ...each, tenant: 't-1' };
          const key = await provider.unwrap({ ...request, context: bound });
          assert.deepEqual(await provider.unwrap({ ...request, context: turned }), key);
          for (const other of otherDetails) {
            await refused(
              provider.unwrap({ ...request, context: { ...context, details: other } }),
              'open_failed',
            );
            await refused(
              provider.rewrap({ ...request, context: { ...context, details: other } }),
              'open_failed',
            );
          }
        }
      }),
  },
  {
    name: 'binds no details and empty details in the same way',
    run: (open) =>
      using(open, async (provider) => {
        const made = await provider.generate({ tenant: 't-1', context });
        const empty = { ...context, details: {} };
        assert.deepEqual(
          await provider.unwrap({ ...made, tenant: 't-1', context: empty }),
          await unwrap(provider, made),
        );
      }),
  },
  {
    name: 'names exactly one active root key, and wraps with it',
    run: (open) =>
      using(open, async (provider) => {
        const active = (await provider.describe()).filter((root) => root.active);
        assert.equal(active.length, 1);
        const made = await provider.generate({ tenant: 't-1', context });
        assert.equal(made.keyRef, active[0]?.keyRef);
      }),
  },
  {
    name: 'is unavailable once closed',
    run: async (open) => {
      const provider = await open();
      const made = await provider.generate({ tenant: 't-1', context });
      await provider.close();
      await refused(unwrap(provider, made), 'key_unavailable');
      await refused(provider.generate({ tenant: 't-1', context }), 'key_unavailable');
      const plaintext = randomBytes(32);
      await refused(provider.wrap({ tenant: 't-1', plaintext, context }), 'key_unavailable');
    },
  },
];

function unwrap(
  provider: KeyProvider,
  made: { readonly wrapped: Uint8Array; readonly keyRef: string },
): Promise<Buffer> {
  return provider.unwrap({ tenant: 't-1', keyRef: made.keyRef, wrapped: made.wrapped, context });
}

async function using(
  open: () => Promise<KeyProvider>,
  run: (provider: KeyProvider) => Promise<void>,
): Promise<void> {
  const provider = await open();
  try {
    await run(provider);
  } finally {
    await provider.close();
  }
}

async function refused(answer: Promise<unknown>, ...codes: readonly string[]): Promise<void> {
  await assert.rejects(answer, (error) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.ok(codes.includes(error.code), `${error.code} instead of ${codes.join(' or ')}`);
    return true;
  });
}
