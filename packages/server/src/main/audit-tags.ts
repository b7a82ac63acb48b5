import type { LogKeyring, TagOf, TagsOf } from '@sealgate/vault';

// Every call of a tenant is recorded with its parameters tagged, so the tenant's keys are asked for all the time. They lie in
// memory; when they have to be opened, everybody who waits for them waits for the same opening.

/** The keys of tenants' logs, which are opened when they are first asked for. */
export interface TagParts {
  /** `undefined`: they were not asked for yet. */
  readonly opened: () => Pick<LogKeyring, 'peek'> | undefined;
  readonly open: () => Promise<Pick<LogKeyring, 'of'>>;
}

/** The tags of tenants. */
export function openTags({ opened, open }: TagParts): TagsOf {
  const openings = new Map<string, Promise<TagOf | undefined>>();
  return (tenant) => {
    const kept = opened()?.peek(tenant);
    if (kept !== undefined) return kept.tag;
    const underWay = openings.get(tenant);
    if (underWay !== undefined) return underWay;
    const opening = open()
      .then((keyring) => keyring.of(tenant))
      .then((keys) => keys?.tag)
      .finally(() => openings.delete(tenant));
    openings.set(tenant, opening);
    return opening;
  };
}

/** Tags to search by: who looks must not make keys for a name that nobody has. */
export function tagsThere(auditLog: {
  log(): Promise<{ readonly keyring: Pick<LogKeyring, 'find'> }>;
}): TagsOf {
  return async (tenant) => (await (await auditLog.log()).keyring.find(tenant))?.tag;
}
