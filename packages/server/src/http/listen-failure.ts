import { refuse } from '../errors.ts';

/** Why the address cannot be listened on, in words that say what to change; any other error as it is. */
export function listenFailure(error: unknown, { host, port }: { host: string; port: number }): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const say = (why: string) => refuse('config_invalid', why, String(error), error);
  switch (code) {
    case 'EADDRINUSE':
      return say(`port ${port} on ${host} is in use: stop what listens there, or set PORT (0: a free one)`);
    case 'EACCES':
      return say(`port ${port} needs rights that this process does not have: set PORT to 1024 or more`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return say(`${host} is no address of this machine: set HOST`);
    default:
      return error;
  }
}
