import type {
  CallPage,
  GrowthProof,
  ProvenEntry,
  ReportRow,
  SearchResult,
  Stats,
  Call,
} from '@sealgate/vault';
import type { ProvenExportPiece } from '../domain/admin-answers.ts';
import type { Auditor } from '../domain/auditors.ts';
import type { Standing } from '../domain/limit.ts';

/** Answers of the questions that auditors may ask, by operation. */
export interface AuditAnswers {
  readonly 'audit.checkpoint': { readonly checkpoint: string; readonly behind: string | undefined };
  readonly 'audit.checkpoint.of': { readonly checkpoint: string; readonly behind: string | undefined };
  readonly 'audit.consistency': GrowthProof;
  readonly 'audit.export': AsyncIterable<{ readonly text: string }>;
  readonly 'audit.export.proven': AsyncIterable<ProvenExportPiece>;
  readonly 'audit.page': CallPage;
  readonly 'audit.proof': ProvenEntry;
  readonly 'audit.report': AsyncIterable<readonly ReportRow[]>;
  readonly 'audit.search': SearchResult;
  readonly 'audit.show': Call;
  readonly 'audit.stats': Stats;
}

/** A question that auditors may ask. */
export type AuditQuestion = keyof AuditAnswers;

/** One request of an auditor. */
export interface Asking {
  readonly auditor: Auditor;
  /** UUIDv7. */
  readonly requestId: string;
  /** Peer address; `undefined` when the connection is gone. */
  readonly ip: string | undefined;
  readonly agent: string | undefined;
  /** Aborts when the auditor goes away before the answer is complete. */
  readonly signal: AbortSignal;
}

/** What main hands to the HTTP server for the audit log. */
export interface AuditDesk {
  /** Whose token it is; `undefined`: nobody's. */
  identify(token: string): Promise<Auditor | undefined>;
  /** Count a use: of questions, or of files of the published log. */
  consume(what: 'questions' | 'files', auditor: Auditor): Standing | Promise<Standing>;
  /** The limiters' window. */
  readonly windowMs: number;
  /**
   * Ask for the auditor, who is kept to their tenant.
   *
   * @throws Refusal `scope_insufficient` for another tenant; those of the operation
   */
  ask<Q extends AuditQuestion>(asking: Asking, question: Q, input: object): Promise<AuditAnswers[Q]>;
  /** A file of the published log, as far as it is the auditor's; `undefined`: there is none. */
  file(asking: Asking, path: string): Promise<Uint8Array | undefined>;
  /** Longest wait for a client to take what was written to it. */
  readonly unreadMs: number;
  /** Told of every fault of ours, with the request's id. */
  onFault(error: unknown, requestId: string): void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
