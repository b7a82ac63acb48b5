import { refuse } from './refusal.ts';

// A receipt proves that an act stands in the audit journal before the act happens (decision 0003).
// What it is bound to is a private name that this module alone can write, so no other code can make, copy or re-aim one.

interface Bound {
  readonly action: string;
  readonly object: string;
}

let bind: (receipt: Receipt, bound: Bound) => void;
/** What it was bound to, once; `undefined` for whatever was not issued, and after that. */
let take: (receipt: unknown) => Bound | undefined;

/**
 * Proof that one act on one object has been written to the journal. Single use, bound to both, and made
 * only by `audit.record`: code that acts without an entry does not type-check.
 */
export class Receipt {
  /** The id of the journal entry (UUIDv7); an outcome names it as its cause. */
  readonly entry: string;
  // A private field also makes the class nominal: an object literal of the same shape is no Receipt.
  #bound: Bound | undefined;

  constructor(entry: string) {
    this.entry = entry;
  }

  static {
    bind = (receipt, bound) => {
      receipt.#bound = bound;
    };
    take = (receipt) => {
      if (typeof receipt !== 'object' || receipt === null || !(#bound in receipt)) return undefined;
      const bound = receipt.#bound;
      receipt.#bound = undefined;
      return bound;
    };
  }
}

let claimed = false;

/**
 * Hand out the right to make receipts, once in the life of a process. The audit room claims it when it
 * loads; a second claim is refused, so a process in which anybody else came first does not start.
 *
 * @throws Refusal `receipt_invalid` when the right was handed out before
 */
export function claimIssuer(): (entry: string, action: string, object: string) => Receipt {
  if (claimed) throw refuse('receipt_invalid', 'receipts are issued by the audit journal alone');
  claimed = true;
  return (entry, action, object) => {
    const receipt = new Receipt(entry);
    bind(receipt, { action, object });
    return receipt;
  };
}

/**
 * Spend a receipt on the act it was written for.
 *
 * @throws Refusal `receipt_invalid` when it is forged, spent, or names another action or object;
 *   a misdirected receipt is spent by the attempt
 */
export function redeem(receipt: Receipt, action: string, object: string): void {
  const bound = take(receipt);
  if (bound === undefined)
    throw refuse(
      'receipt_invalid',
      'this act is not in the audit journal',
      `no unspent receipt for ${action}`,
    );
  if (bound.action !== action || bound.object !== object)
    throw refuse(
      'receipt_invalid',
      'this act is not in the audit journal',
      `receipt is for ${bound.action} on ${bound.object}, not for ${action} on ${object}`,
    );
}
