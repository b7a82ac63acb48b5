import { refuse, type Refusal } from '../../refusal.ts';

/** Somebody else seals or publishes at the same time, and was first. It may be tried again. */
export function moved(): Refusal {
  return refuse('store_unavailable', 'the audit log is being sealed by another process; try again');
}
