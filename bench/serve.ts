import { startModern } from '../test/fixtures/modern.ts';
import { startRaw } from '../test/fixtures/raw.ts';
import { startByteProxy } from './byte-proxy.ts';

// One server as a process: says its address to its parent and serves until it is killed.

const [kind, upstream = ''] = process.argv.slice(2);
const start = {
  raw: startRaw,
  sdk: startModern,
  sessions: () => startModern({ legacy: 'sessions' }),
  proxy: () => startByteProxy(upstream),
}[kind ?? ''];
if (start === undefined) throw new Error(`no server of kind ${kind}`);
const { url } = await start();
process.send?.(url);
process.once('disconnect', () => process.exit());
