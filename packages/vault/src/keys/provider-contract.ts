import assert from 'node:assert/strict';
import { Refusal } from '../refusal.ts';
import type { KeyContext, KeyProvider } from './provider.ts';

// Every promise of KeyProvider as data: a test runner of any kind calls `run` with a way to open a fresh provider.

/** One promise of {@link KeyProvider}. `open` gives a provider with a root key nobody else has, ready to generate. */
export interface KeyProviderPromise {
  readonly name: string;
  run(open: () => Promise<KeyProvider>): Promise<void>;
}

const context: KeyContext = { deployment: 'd-1', tenant: 't-1', purpose: 'tenant', version: '000001' };

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
