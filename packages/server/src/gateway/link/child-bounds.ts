import type { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { refuse } from '../../errors.ts';

// Between the gateway and a child there is no one who slows either down. A child that says more than anybody can take
// would leave no time for other people's calls, and one that reads nothing would have all it is sent kept in memory.

const burst = 20_000;
const perSecond = 1000;
const waitingMax = 256;
const waitingBytesMax = 32 * 1024 * 1024;

/** The bounds of one child. */
export interface ChildBounds {
  /** Count one message of the child. @returns whether it says more than it may, for which it is to be ended */
  floods(): boolean;
}

/**
 * Hold a child to its bounds: 20,000 messages at once and 1000 a second, besides an answer to each request; and 256
 * messages or 32 MiB that wait to be read by it. What is sent beyond them is refused with `overloaded`.
 */
export function boundChild(
  transport: StdioClientTransport,
  upstream: string,
  nowMs: () => number = () => performance.now(),
): ChildBounds {
  let left = burst;
  let filledAtMs = nowMs();
  const waiting = { messages: 0, bytes: 0 };
  const send = transport.send.bind(transport);
  transport.send = async (message) => {
    // Only what waits already makes the length worth knowing.
    const bytes = waiting.messages === 0 ? 0 : JSON.stringify(message).length;
    if (waiting.messages >= waitingMax || waiting.bytes + bytes > waitingBytesMax)
      throw refuse('overloaded', `upstream "${upstream}" does not read what it is sent; try again later`);
    left += 1;
    waiting.messages += 1;
    waiting.bytes += bytes;
    try {
      await send(message);
    } finally {
      waiting.messages -= 1;
      waiting.bytes -= bytes;
    }
  };
  return {
    floods() {
      left -= 1;
      if (left >= 0) return false;
      left = Math.min(burst, ((nowMs() - filledAtMs) * perSecond) / 1000 - 1);
      filledAtMs = nowMs();
      return left < 0;
    },
  };
}
