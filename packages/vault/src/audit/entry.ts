import type { Act, AuditClass } from './acts.ts';
import type { RedactionPolicy } from './leaf/redaction.ts';

export type { AuditClass } from './acts.ts';

/** How a request came in. */
export type Source = 'mcp' | 'webui' | 'api' | 'cli' | 'stdio' | 'discord' | 'job' | 'system';

/** Who asked, on whose ground, through what. */
export interface AuditContext {
  readonly tenant: string;
  readonly actor: { readonly type: 'person' | 'client' | 'system'; readonly id: string };
  readonly source: Source;
  /** UUIDv7 of the request. */
  readonly correlation: string;
  readonly ip?: string;
  readonly agent?: string;
}

/**
 * What stands out of an attempt, as it was judged when it was recorded. `hours`: it was outside business hours on the clock of
 * its tenant.
 */
export type AuditFlag = 'hours';

/** A request, as far as an entry says anything of it. */
export interface EntryRequest {
  readonly method?: string;
  readonly tool?: string;
  readonly bytes?: number;
  /** Parameters after redaction; `{bytes, truncated}` with or without a keyed `digest` where they could not be kept. */
  readonly params?: unknown;
}

/** What was tried. No secret; parameters as they came, to be redacted before anything is written. */
export interface AuditFields {
  /** Dotted verb, such as `tool.call`; the receipt is bound to it. */
  readonly act: Act;
  /** What it was done to, such as `connection:shop#u1#default`; the receipt is bound to it. */
  readonly object: string;
  /** The upstream, when there is one. */
  readonly service?: string;
  readonly request?: EntryRequest & {
    /** What may be kept of `params`; nothing in clear when not given. */
    readonly redaction?: RedactionPolicy | undefined;
  };
}

/** What came of it. */
export interface AuditOutcome {
  readonly out: 'success' | 'failure' | 'denied' | 'error' | 'aborted' | 'unknown';
  /** A refusal's code, or the upstream's status or JSON-RPC code. */
  readonly code?: string;
  readonly ms?: number;
  readonly bytes?: number;
}

/** One line of the journal. Attempts carry `act` and `object`; outcomes carry `cause`, the attempt's id. */
export interface Entry {
  readonly v: 1;
  /** UUIDv7. */
  readonly id: string;
  /** Milliseconds since 1970; never goes back within one writer. */
  readonly ts: number;
  readonly cls: AuditClass;
  readonly tenant: string;
  readonly corr: string;
  readonly actor?: AuditContext['actor'];
  readonly src?: { readonly source: Source; readonly ip?: string; readonly agent?: string };
  readonly act?: string;
  readonly obj?: string;
  /** Of attempts. `undefined`: nobody looked, as in journals without a clock of the tenant. */
  readonly flags?: readonly AuditFlag[];
  /** Version of the redaction policy that `req.params` went through. */
  readonly pol?: number;
  readonly svc?: string;
  readonly req?: EntryRequest;
  readonly cause?: string;
  /** A field was longer than allowed and ends in `…`, was not well-formed, or was no number. */
  readonly cut?: true;
  readonly out?: AuditOutcome['out'];
  readonly code?: string;
  readonly ms?: number;
  readonly bytes?: number;
}
