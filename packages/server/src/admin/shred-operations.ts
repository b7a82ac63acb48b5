import type { Audit, Receipt, SignedReceipt } from '@sealgate/vault';
import { z } from 'zod';
import type { ToShred } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import { operation } from './operation.ts';
import { recorded, type Operator } from './recorded.ts';

/** Destroying what a group or a person has, for good. */
export interface AdministeredShredding {
  /** Who is meant. @throws Refusal `not_found`, `usage` for a group that has to go with its person */
  look(asked: { readonly tenant: string } | { readonly person: string }): Promise<ToShred>;
  /** @param receipt for `key.shred` on the object of {@link ToShred} */
  shred(receipt: Receipt, operator: Operator, what: ToShred): Promise<SignedReceipt>;
  /** The receipt of one that is done. */
  receiptOf(what: Pick<ToShred, 'kind' | 'id'>): Promise<SignedReceipt | undefined>;
  /** PEM. */
  signingKey(): Promise<string>;
}

/** What these operations work on. */
export interface ShredOperationParts {
  readonly audit: Audit;
  readonly shredding: AdministeredShredding;
}

const id = z.string().min(1).max(512);
const asked = z.union([z.strictObject({ tenant: id }), z.strictObject({ person: id })]);

/** `keys.receipt`, `keys.shred`, `keys.shred.look`, `keys.signing-key`. */
export function shredOperations({ audit, shredding }: ShredOperationParts) {
  return {
    'keys.shred.look': operation(asked, async (_, input) => shredding.look(input)),
    'keys.shred': operation(asked, async (operator, input) => {
      const what = await shredding.look(input);
      const act = { act: 'key.shred' as const, object: what.object, service: 'keys' };
      return recorded(audit, operator, act, (receipt) => shredding.shred(receipt, operator, what));
    }),
    'keys.receipt': operation(asked, async (_, input) => {
      const of =
        'tenant' in input
          ? { kind: 'tenant' as const, id: input.tenant }
          : { kind: 'person' as const, id: input.person };
      const receipt = await shredding.receiptOf(of);
      if (receipt === undefined) throw refuse('not_found', `no ${of.kind} of this id was shredded here`);
      return receipt;
    }),
    'keys.signing-key': operation(z.strictObject({}), async () => ({
      publicKey: await shredding.signingKey(),
    })),
  };
}
