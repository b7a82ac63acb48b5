import type { AppConfig } from '../config.ts';

/** Where the gateway is reached. */
export interface Address {
  /** The origin that people and clients use, without a trailing slash. */
  origin(): string;
  /** The port that is listened on; `undefined` when none is. */
  port(): number | undefined;
  /** It listens now. */
  listens(port: number): void;
}

/** The address of a configuration; `PORT=0` is known when it listens. */
export function openAddress({ publicOrigin, host, port }: AppConfig): Address {
  let listening: number | undefined;
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return {
    origin: () => publicOrigin ?? new URL(`http://${shown}:${listening ?? port}`).origin,
    port: () => listening,
    listens: (at) => void (listening = at),
  };
}
