import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../packages/vault/src/testing/free-port.ts';
import { startChild, type Child } from './child.ts';

// A real S3 for the tests of blobs: Ceph's gateway over one monitor and one disk in memory, all on loopback. It checks
// signatures and really encrypts. `node test/backing/ceph.ts` starts it and runs those tests on it. It needs
// apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-mgr ceph-common ceph-base

const run = promisify(execFile);
const user = { key: 'testaccess', secret: 'testsecret' };

/** Keys that the gateway may encrypt under, by id: 32 bytes in base64. */
const kmsKeys = { 'testkey-1': 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' };

function configuration(home: string, fsid: string, ports: { monitor: number; gateway: number }): string {
  const keys = Object.entries(kmsKeys).map(([id, key]) => `${id}=${key}`);
  return `[global]
fsid = ${fsid}
mon host = v2:127.0.0.1:${ports.monitor}/0
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
keyring = /dev/null
ms mon client mode = crc
run dir = ${home}
log file = ${home}/$name.log
admin socket = ${home}/$name.asok
pid file = ${home}/$name.pid
mon data = ${home}/mon
mon data avail crit = 1
mon allow pool size one = true
osd data = ${home}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
rgw data = ${home}/rgw
rgw frontends = beast endpoint=127.0.0.1:${ports.gateway} tcp_nodelay=1
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = ${keys.join(' ')}
`;
}

async function start(home: string, children: Child[]): Promise<string> {
  const ports = { monitor: await freePort(), gateway: await freePort() };
  const [fsid, disk] = [crypto.randomUUID(), crypto.randomUUID()];
  const file = join(home, 'ceph.conf');
  for (const folder of ['mon', 'osd', 'rgw']) await mkdir(join(home, folder));
  await writeFile(file, configuration(home, fsid, ports));
  const configured = ['-c', file];
  const map = join(home, 'monmap');
  const monitor = ['--create', '--addv', 'a', `[v2:127.0.0.1:${ports.monitor}]`, '--fsid', fsid, map];
  const child = async (program: string, args: readonly string[], answers: () => Promise<boolean>) =>
    children.push(await startChild(program, [...configured, ...args, '-f'], { cwd: home, answers }));
  const ceph = (...words: string[]) => run('ceph', [...configured, ...words], { timeout: 30_000 });
  await run('monmaptool', monitor);
  await run('ceph-mon', [...configured, '-i', 'a', '--mkfs', '--monmap', map]);
  await child('ceph-mon', ['-i', 'a'], () => holds(ceph('status')));
  await ceph('osd', 'new', disk);
  await run('ceph-osd', [...configured, '-i', '0', '--mkfs', '--osd-uuid', disk]);
  await child('ceph-osd', ['-i', '0'], async () => /\b1 up/.test((await ceph('osd', 'stat')).stdout));
  const known = [
    '--uid',
    'test',
    '--display-name',
    'test',
    '--access-key',
    user.key,
    '--secret-key',
    user.secret,
  ];
  await run('radosgw-admin', [...configured, 'user', 'create', ...known], { timeout: 60_000 });
  const endpoint = `http://127.0.0.1:${ports.gateway}`;
  await child('radosgw', ['-n', 'client.rgw'], () => holds(fetch(endpoint)));
  return endpoint;
}

async function holds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

const home = await mkdtemp(join(tmpdir(), 'sealgate-ceph-'));
const children: Child[] = [];
try {
  const endpoint = await start(home, children);
  const env = { ...process.env, SEALGATE_TEST_S3: endpoint.replace('//', `//${user.key}:${user.secret}@`) };
  const vitest = spawn('vitest', ['run', 'packages/vault/src/store/s3'], { stdio: 'inherit', env });
  const [code] = (await once(vitest, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  for (const child of children.reverse()) await child.stop();
  await rm(home, { recursive: true, force: true });
}
