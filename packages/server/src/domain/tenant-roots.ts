import type { Receipt } from '@sealgate/vault';

// Keys of tenants at a key service, as administration has them.

/** What there is of a tenant's own key. */
export interface TenantRootMade {
  readonly tenant: string;
  /** As the key service names it. */
  readonly key: string;
  readonly alias: string;
  /** `false`: it was there before. */
  readonly made: boolean;
  /** Whether a group of this gateway has this id. */
  readonly group: boolean;
  /** Keys of the tenant that do not lie under it yet, by what holds them. */
  readonly elsewhere: { readonly kms: number; readonly others: number };
}

/** A tenant's own key, as the key service says. */
export interface TenantRootSeen {
  /** As the key service names it. */
  readonly key: string;
  readonly alias: string;
  /** `Enabled`, `Disabled`, `PendingDeletion` and others. */
  readonly state: string;
  /** When it is deleted there, in milliseconds since 1970; `undefined`: nobody has ordered that. */
  readonly deletedAtMs: number | undefined;
}

/** What a policy is written from. */
export interface TenantRootPlace {
  readonly deployment: string;
  readonly service: string;
  /** ARN of the key of the tenant, or of all. */
  readonly key: string;
  /** Aliases of keys of tenants; `undefined`: there are none, or one tenant was asked for. */
  readonly ownAliases: string | undefined;
}

/** Makes and finds keys of tenants. Methods throw Refusal `config_invalid` where there is no such key service. */
export interface TenantRootKeeping {
  /** @param receipt of `key.create` on `key:<tenant>` */
  create(receipt: Receipt, tenant: string, role: string | undefined): Promise<TenantRootMade>;
  /** @param tenant `undefined`: a gateway, for all tenants */
  place(tenant: string | undefined): Promise<TenantRootPlace>;
  /**
   * The tenant's own key; `undefined` when it has none, also where no key service is set up that could hold one.
   *
   * @throws Refusal `key_unavailable` when the key service does not say
   */
  look(tenant: string): Promise<TenantRootSeen | undefined>;
}
