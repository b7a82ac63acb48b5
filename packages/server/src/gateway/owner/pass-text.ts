import type { Caller } from '../../caller.ts';
import { pathOfAddress, readAddress } from '../../domain/mcp-address.ts';
import type { Passage } from './owners.ts';

// The body of what one instance passes to another. Only headers that mean something to MCP travel; the client's token
// does not, since the caller it stands for does.

const carried = /^(?:accept|content-type|last-event-id|mcp-[a-z0-9-]{1,64})$/;

/** Marks a refusal of the owner, in place of an answer of the protocol. */
export const refusalHeader = 'sealgate-refusal';
/** Carries `proofOf` the ticket. */
export const proofHeader = 'sealgate-instance';

interface Written {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly caller: Caller;
  readonly correlation: string;
  readonly body?: unknown;
  readonly bytes?: number;
}

/** Write it. */
export function writePassage(passage: Passage, request: Request): Buffer {
  const { address, caller, correlation, body, bytes } = passage;
  const written: Written = {
    method: request.method,
    path: pathOfAddress(address),
    headers: [...request.headers].filter(([name]) => carried.test(name)),
    caller,
    correlation,
    ...(body === undefined ? {} : { body }),
    ...(bytes === undefined ? {} : { bytes }),
  };
  return Buffer.from(JSON.stringify(written));
}

/** Read what {@link writePassage} wrote, after its ticket was judged. */
export function readPassage(
  bytes: Uint8Array,
  signal: AbortSignal,
): { readonly passage: Passage; readonly request: Request } {
  const written = JSON.parse(Buffer.from(bytes).toString('utf8')) as Written;
  const address = readAddress(written.path);
  if (address === undefined) throw new Error('an instance of this deployment passed an unknown address');
  const { method, headers, caller, correlation, body } = written;
  return {
    passage: {
      // JSON leaves out what is `undefined`.
      caller: { ...caller, ip: caller.ip, agent: caller.agent },
      address,
      correlation,
      body,
      bytes: written.bytes,
    },
    request: new Request(`http://gateway${written.path}`, {
      method,
      headers: headers.map(([name, value]) => [name, value]),
      signal,
    }),
  };
}
