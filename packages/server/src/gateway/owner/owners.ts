import type { Caller } from '../../caller.ts';
import type { McpAddress } from '../../domain/mcp-address.ts';
import type { StoreMark } from './store-mark.ts';

// What only one instance can answer (a session with a child, a pending question of an upstream) is passed to that
// instance, its owner, by whichever instance the request reached. Once: what was passed is never passed on.

/** A request beside its headers, after it was let in. */
export interface Passage {
  readonly caller: Caller;
  readonly address: McpAddress;
  /** UUIDv7 of the request. */
  readonly correlation: string;
  /** The parsed JSON body; `undefined` for GET and DELETE. */
  readonly body: unknown;
  /** Length of the body as it came. */
  readonly bytes: number | undefined;
}

/** An answer, and what to call when its last byte has left. */
export interface Served {
  readonly response: Response;
  readonly done: () => void;
}

/** What came in at the owner's internal address. */
export interface PassedIn {
  /** The `Authorization` header; judged before the body is read. */
  readonly authorization: string | undefined;
  /** The whole body. */
  read(): Promise<Uint8Array>;
  /** Aborts when the instance that passed it goes away. */
  readonly signal: AbortSignal;
}

/** The instances of this deployment, seen from one of them. */
export interface Owners {
  /** This instance's id: new at every start, unique in the deployment. */
  readonly self: string;
  /** Of the records that the instances share. */
  readonly mark: StoreMark;
  /** Told when others can find this instance again after they could not: what it holds may be gone from the records. */
  onReturn(listener: () => Promise<void>): void;
  /**
   * Have the owner answer. `request` is the client's own, without its body; its signal ends the call at the owner too.
   *
   * @returns the owner's answer, or `dead`: it is gone and has seen nothing of the request
   * @throws Refusal what the owner refused with, or `instance_unavailable`: it is there but could not answer, broke off
   *   before its answer began, or this request was passed here by another instance already
   */
  pass(owner: string, passage: Passage, request: Request): Promise<Response | 'dead'>;
  /** Whether the instance runs, as far as is known: a killed one may count for up to 15 seconds, until somebody passes to it. */
  alive(id: string): Promise<boolean>;
  /**
   * The owner's half: answer what another instance passed here.
   *
   * @throws Refusal `not_found` for whatever no instance of this deployment has sent
   */
  answer(passed: PassedIn, serve: (passage: Passage, request: Request) => Promise<Served>): Promise<Served>;
  /**
   * Own nothing from now on: the lease is given up, and what is passed here finds nobody, so that whoever passed it goes
   * on with the session itself. What is being answered goes on. Resolves when nobody comes here any more.
   */
  leave(): Promise<void>;
  /** The same, and everything that is being passed ends. */
  close(): Promise<void>;
}
