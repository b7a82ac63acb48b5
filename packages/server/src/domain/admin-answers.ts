// What administration answers with, for whoever shows it.
import type { LackingUse, Verdict } from '@sealgate/vault';

/** One line of `upstreams list`. */
export interface UpstreamLine {
  readonly name: string;
  readonly kind: 'http' | 'stdio';
  /** The address, or the command with its arguments. */
  readonly target: string;
  /** Where its credential goes, such as `header:x-api-key`; `undefined`: it takes none. */
  readonly credential: string | undefined;
  /** Whether a credential is set for whoever asks. */
  readonly connected: boolean;
  readonly origin: 'admin' | 'file';
}

/** One line of `connections list`. The secret is nowhere in it. */
export interface ConnectionLine {
  readonly upstream: string;
  readonly name: string;
  /** `own`: of whoever asks; `other`: of somebody else in the group. */
  readonly owner: 'own' | 'group' | 'other';
  readonly placement: string;
  /** The only origin it is sent to; `''` for a child process. */
  readonly origin: string;
  readonly setAtMs: number;
}

/** One line of `clients list`. A secret is nowhere in it. */
export interface ClientLine {
  readonly id: string;
  readonly name: string;
  readonly redirectUris: readonly string[];
  /** How it came in: by itself, with an initial access token, by the command line, by a document at its id. */
  readonly origin: 'open' | 'token' | 'admin' | 'document';
  /** Whether it has a secret or a key of its own. */
  readonly confidential: boolean;
  readonly addedAtMs: number;
}

/** One line of `audit auditor list`. The token is nowhere in it. */
export interface AuditorLine {
  readonly name: string;
  /** Whose log; `*`: everybody's. */
  readonly tenant: string;
  readonly addedAtMs: number;
  readonly endsAtMs: number;
}

/** One line of `doctor`. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
  /** What to do; `undefined` when nothing. */
  readonly advice: string | undefined;
}

/** What a running gateway says of itself. */
export interface Status {
  readonly version: string;
  readonly pid: number;
  /** Origin of its HTTP address; `undefined` when it does not listen (a command opened the data directory itself). */
  readonly origin: string | undefined;
  readonly startedAtMs: number;
  readonly upstreams: number;
  readonly children: number;
  readonly sessions: number;
}

/** The answer to one operation. A refusal is an answer too: its code and a message that is safe to show. */
export type AdminAnswer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } };

/** Who is about to be shredded. */
export interface ToShred {
  readonly kind: 'tenant' | 'person';
  readonly id: string;
  /** As people call it; typed again by whoever means it. */
  readonly name: string;
  /** The object of the entry in the journal. */
  readonly object: string;
  /** What goes, in words. */
  readonly goes: readonly string[];
  /** It was begun, or done, before. */
  readonly begun: boolean;
}

/** What `audit.checkpoint` answers. */
export interface RootCheckpoint {
  /** The signed note. */
  readonly checkpoint: string;
  readonly vkeys: readonly string[];
  /** Why it may be an older one; `undefined`: it covers all that is in the journal. */
  readonly behind: string | undefined;
  readonly anchors: AnchorsStanding;
}

/** Where checkpoints are noted elsewhere, and what was. */
export interface AnchorsStanding {
  readonly everySeconds: number;
  /** Empty: nowhere. */
  readonly places: readonly PlaceStanding[];
}

/** One such place. */
export interface PlaceStanding {
  readonly place: 'archive' | 'webhook';
  /** `overdue`: it has got none for three intervals, and one is due. */
  readonly state: 'ok' | 'failing' | 'overdue';
  /** Milliseconds since 1970: what was recorded before is covered there. `undefined`: nothing is. */
  readonly lastMs: number | undefined;
  /** The last tries, the newest last. */
  readonly recent: readonly {
    readonly atMs: number;
    /** Entries of the root log. */
    readonly size: number;
    /** Base64. */
    readonly root: string;
    readonly state: 'anchored' | 'failed';
    /** Why not. */
    readonly code?: string;
  }[];
}

/** A piece of `audit.export.proven`: text of the file, a file that lies beside it, and at last how much it was. */
export type ProvenExportPiece =
  | {
      readonly text: string;
      /** How far the log was read; `undefined`: it is not said. */
      readonly reached?: { readonly entry: number; readonly of: number };
    }
  | { readonly path: string; readonly base64: string }
  | {
      readonly lines: number;
      readonly entries: number;
      /** Entries without a proof. */
      readonly unproven: number;
      /** Why something was not sealed; `undefined`: nothing was in the way. */
      readonly behind?: string | undefined;
    };

/** A piece of `audit.export.log`: first how much there is, then file by file. */
export type LogPiece =
  | { readonly files: number; readonly logs: number; readonly behind: string | undefined }
  | { readonly path: string; readonly base64: string; readonly bodies: number };

/** A log in the archive. */
export interface ArchivedMonth {
  /** Such as `202611`. */
  readonly month: string;
  /** The group, as it stands in paths. */
  readonly scope: string;
  /** The month; `202611-2` for the second log of that month. */
  readonly shard: string;
  /** Entries, and the leaves that begin and close it. */
  readonly leaves: number;
  /** Milliseconds since 1970: from then on it may go. */
  readonly keptUntilMs: number;
}

/** How often credentials were opened, compared with the journal. */
export interface UsesFound {
  /** Counted since they were last compared with the log, which is done once a day, and found in it. */
  readonly uses: number;
  /** Credentials that were opened more often than the log says. */
  readonly lacking: readonly LackingUse[];
}

/** What `audit.verify` found. */
export type JournalVerdict = Verdict & { readonly uses: UsesFound };
