import { askedProvider } from './asked-provider.ts';
import type { KeyProvider } from './provider.ts';

// A deployment has one active provider, which wraps the first key of every new tenant, and may have others, which open what
// they wrapped before and are where a tenant is moved to or from.

/** A wrapped key as a row names it. */
export interface WrapName {
  /** As `KEY_PROVIDER` names it; `undefined` in rows older than the attribute. */
  readonly provider: string | undefined;
  readonly keyRef: string;
}

/** The providers of a deployment. None is asked by too many at once, and none again right after it failed. */
export interface KeyProviders {
  readonly active: KeyProvider;
  /** The active one first. */
  readonly all: readonly KeyProvider[];
  find(name: string): KeyProvider | undefined;
  /** The one that made this wrap. A row without a name belongs to whichever local provider holds its root key. */
  holding(wrap: WrapName): Promise<KeyProvider | undefined>;
}

// Those that there were before rows named theirs.
const localNames = ['keyring', 'env', 'passphrase', 'hkdf'];

/** @param opening further ones; of two with one name the first is taken, the active one before all */
export function keyProviders(
  active: KeyProvider,
  opening: readonly KeyProvider[],
  now: () => number,
): KeyProviders {
  const asked = [active, ...opening].map((provider) => ({ ...provider, ...askedProvider(provider, now) }));
  const all = asked.filter(({ name }, at) => asked.findIndex((each) => each.name === name) === at);
  const find = (name: string): KeyProvider | undefined => all.find((each) => each.name === name);
  return {
    active: all[0] ?? active,
    all,
    find,
    async holding({ provider, keyRef }) {
      if (provider !== undefined) return find(provider);
      for (const each of all) {
        if (!localNames.includes(each.name)) continue;
        if ((await each.describe()).some((root) => root.keyRef === keyRef)) return each;
      }
      // None has it. The active one is asked, and says so in its own words.
      return all[0];
    },
  };
}
