import type { Audit } from '@sealgate/vault';
import { z } from 'zod';
import type { ClientLine } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import { operation } from './operation.ts';
import { recorded } from './recorded.ts';

/** The OAuth clients, as administration sees them. */
export interface AdministeredClients {
  list(): Promise<readonly ClientLine[]>;
  add(client: {
    readonly name: string;
    readonly redirectUris: readonly string[];
    readonly confidential: boolean;
  }): Promise<{ readonly id: string; readonly secret: string | undefined }>;
  remove(id: string): Promise<boolean>;
  invite(): Promise<string>;
}

/** What these operations work on. */
export interface ClientOperationParts {
  readonly audit: Audit;
  readonly clients: AdministeredClients;
}

const text = z.string().min(1).max(2048);

/** `clients.add`, `clients.invite`, `clients.list`, `clients.remove`. */
export function clientOperations({ audit, clients }: ClientOperationParts) {
  return {
    'clients.add': operation(
      z.strictObject({
        name: text,
        redirectUris: z.array(text).min(1).max(20),
        confidential: z.boolean().default(false),
      }),
      async (operator, client) => {
        const act = { act: 'client.add' as const, object: 'client:new', service: 'oauth' };
        return recorded(audit, operator, act, () => clients.add(client));
      },
    ),
    'clients.invite': operation(z.strictObject({}), async (operator) => {
      const act = { act: 'client.invite' as const, object: 'client:new', service: 'oauth' };
      return { token: await recorded(audit, operator, act, () => clients.invite()) };
    }),
    'clients.list': operation(z.strictObject({}), () => clients.list()),
    'clients.remove': operation(z.strictObject({ id: text }), async (operator, { id }) => {
      const act = { act: 'client.remove' as const, object: `client:${id.slice(0, 200)}`, service: 'oauth' };
      const removed = await recorded(audit, operator, act, () => clients.remove(id));
      if (!removed) throw refuse('client_unknown', 'there is no client with this id');
      return { id, removed };
    }),
  };
}
