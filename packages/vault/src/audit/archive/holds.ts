/**
 * Whether one of these tenants' logs must be kept as it is.
 *
 * @param scopes tenants, as they stand in paths
 */
export type Held = (scopes: readonly string[]) => Promise<boolean>;
