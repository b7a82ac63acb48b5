import { isIP } from 'node:net';

/** Whether only this machine can reach a host, as a URL names it: `localhost`, 127.0.0.0/8 and ::1, in brackets or not. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return isIP(name) === 4 ? name.startsWith('127.') : name === 'localhost' || name === '::1';
}
