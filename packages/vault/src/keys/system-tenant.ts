/** The tenant of what belongs to the deployment itself. */
export const systemTenant = '_system';
