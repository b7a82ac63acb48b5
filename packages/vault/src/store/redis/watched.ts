import { within } from '../within.ts';
import { kindOf } from './redis-error.ts';

// A connection that is given up and opened anew when it stays silent: a peer that is frozen, or gone without a word, does
// not close anything, and what was asked would wait for ever.

/** What can be watched. */
export interface Watchable {
  connect(): Promise<void>;
  ping(): Promise<unknown>;
  /** Cut it; what waits fails. */
  destroy(): void;
}

/** A watched connection. */
export interface Watched<C extends Watchable> {
  /** The one in use now. */
  readonly connection: C;
  /** Wait for an answer, watched. */
  asked<V>(ask: (connection: C) => Promise<V>): Promise<V>;
  /** Give the connection up and open another. */
  renew(): void;
  close(): void;
}

/** Longest silence of a server that was asked something. */
const silenceMsMax = 4000;
const lookMs = 1000;

/**
 * @param open makes a connection that is not connected yet
 * @param connected called with each further connection once it stands
 * @throws whatever the first connection fails with, after `connectMsMax` at most
 */
export async function watch<C extends Watchable>(
  open: () => C,
  { connectMsMax, connected }: { readonly connectMsMax: number; readonly connected: (next: C) => void },
): Promise<Watched<C>> {
  let connection = open();
  await connectWithin(connection, connectMsMax);
  const hearing = hearingOf();
  const asked = <V>(ask: (on: C) => Promise<V>): Promise<V> => hearing.asked(() => ask(connection));
  const standing = async (next: C): Promise<void> => {
    // It tries again by itself until it stands; destroyed meanwhile, it is another one's turn. It is watched as well: a
    // frozen server lets in whoever comes, and then says nothing.
    const stands = await hearing
      .asked(() => next.connect())
      .then(
        () => true,
        () => false,
      );
    if (stands) connected(next);
  };
  const renew = (): void => {
    const next = open();
    connection.destroy();
    connection = next;
    hearing.anew();
    void standing(next);
  };
  const timer = setInterval(() => {
    if (hearing.silentMs() > silenceMsMax) renew();
    else if (hearing.idle()) asked((on) => on.ping()).catch(() => undefined);
  }, lookMs);
  timer.unref();
  return {
    get connection() {
      return connection;
    },
    asked,
    renew,
    close() {
      clearInterval(timer);
      connection.destroy();
    },
  };
}

async function connectWithin(connection: Watchable, connectMsMax: number): Promise<void> {
  try {
    await within(connectMsMax, connection.connect());
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

interface Hearing {
  asked<V>(ask: () => Promise<V>): Promise<V>;
  /** How long nothing was answered although something was asked. */
  silentMs(): number;
  idle(): boolean;
  anew(): void;
}

function hearingOf(): Hearing {
  let waiting = 0;
  let silentSinceMs: number | undefined;
  const heard = (): void => {
    silentSinceMs = waiting === 0 ? undefined : performance.now();
  };
  return {
    async asked(ask) {
      silentSinceMs ??= performance.now();
      waiting += 1;
      try {
        const answer = await ask();
        waiting -= 1;
        heard();
        return answer;
      } catch (error) {
        waiting -= 1;
        // A refusal of Redis is an answer; what the client throws by itself is none.
        if (kindOf(error) !== '') heard();
        throw error;
      }
    },
    silentMs: () => (silentSinceMs === undefined ? 0 : performance.now() - silentSinceMs),
    idle: () => waiting === 0,
    anew: () => (silentSinceMs = performance.now()),
  };
}
