import type { IncomingMessage, ServerResponse } from 'node:http';
import type { McpAddress } from '../domain/mcp-address.ts';
import type { Reply } from '../domain/reply.ts';

/** One MCP request on its way to the gateway. */
export interface Exchange<Admitted> {
  /** What `admit` said of the request before its body was read. */
  readonly admitted: Admitted;
  /** UUIDv7. */
  readonly requestId: string;
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** As it came. */
  readonly address: McpAddress;
  readonly rawHeaders: readonly string[];
  /** As it came; empty without one. */
  readonly body: Uint8Array;
  /** Aborts when the client goes away before its answer is complete, and when the server cuts streams off to end. */
  readonly signal: AbortSignal;
  readonly reply: Reply;
  readonly raw: { readonly request: IncomingMessage; readonly response: ServerResponse };
  /** The JSON-RPC id, set as soon as it is known, so that a refusal can carry it. */
  messageId: string | number | null | undefined;
  /** The protocol revision that the body names; a refusal of it says it again. */
  revision: string | undefined;
}

/** What is known of a request before its body is read. */
export interface Arrival {
  readonly requestId: string;
  readonly rawHeaders: readonly string[];
  readonly method: string;
  readonly address: McpAddress;
  /** Peer address; `undefined` when the connection is gone. */
  readonly ip: string | undefined;
}

/** What main hands to the HTTP server for the MCP addresses. */
export interface McpHandler<Admitted> {
  /** Who is it, and is it within its rate? Asked before the body is read. Throws a refusal to turn it away. */
  admit(
    arrival: Arrival,
  ): Promise<{ readonly admitted: Admitted; readonly headers: Readonly<Record<string, string>> }>;
  /** Answers, or throws what `reply.ts` makes an answer of. */
  handle(exchange: Exchange<Admitted>): Promise<void>;
  /** `WWW-Authenticate` for a request to this address. */
  challenge(address: McpAddress, rawHeaders: readonly string[]): string;
}
