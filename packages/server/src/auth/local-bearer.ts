import type { Bearer } from './bearer.ts';

/**
 * Nobody is asked: whoever can open the MCP socket of the data directory is its owner, the local administrator. A token
 * that is shown all the same is not looked at.
 */
export function localBearer(administrator: { readonly tenant: string; readonly subject: string }): Bearer {
  const { tenant, subject } = administrator;
  return {
    verify: async ({ agent }) => ({
      tenant,
      subject,
      client: 'stdio',
      source: 'stdio',
      ip: undefined,
      agent,
    }),
    holds: async () => true,
  };
}
