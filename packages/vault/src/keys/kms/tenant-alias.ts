import { refuse } from '../../refusal.ts';

const aliasLengthMax = 256;

/**
 * The alias of a tenant's own key: `alias/sealgate/<deployment>/<tenant>`. What an alias has no letter for is written as
 * `_` and two hex digits of its UTF-8, `_` itself included, so that no two tenants share one.
 *
 * @throws Refusal `context_invalid` when it would be too long
 */
export function tenantAlias(deployment: string, tenant: string): string {
  const alias = `alias/sealgate/${escaped(deployment)}/${escaped(tenant)}`;
  if (alias.length <= aliasLengthMax) return alias;
  throw refuse('context_invalid', 'the id of this tenant is too long for a key of its own');
}

/** What all aliases of tenants of a deployment look like, for a policy. */
export function aliasesOfTenants(deployment: string): string {
  return `alias/sealgate/${escaped(deployment)}/*`;
}

function escaped(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9-]/gu, (letter) =>
    [...Buffer.from(letter)].map((byte) => `_${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}
