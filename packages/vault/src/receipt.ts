import { refuse } from './refusal.ts';

// A receipt proves that an act stands in the audit journal before the act happens (decision 0003).
// What it is bound to lives in this module alone, so no other code can make, copy or re-aim one.
const unspent = new WeakMap<Receipt, { readonly action: string; readonly object: string }>();

/**
 * Proof that one act on one object has been written to the journal. Single use, bound to both, and made
 * only by `audit.record`: code that acts without an entry does not type-check.
 */
export class Receipt {
  /** The id of the journal entry (UUIDv7); an outcome names it as its cause. */
  readonly entry: string;
  // A private field makes the class nominal: an object literal of the same shape is no Receipt.
  readonly #nominal = true;

  constructor(entry: string) {
    this.entry = entry;
    void this.#nominal;
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
    unspent.set(receipt, { action, object });
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
  const bound = unspent.get(receipt);
  unspent.delete(receipt);
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
