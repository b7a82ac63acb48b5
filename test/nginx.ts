import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getuid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { eventually } from './census.ts';

// The machine's own nginx as a load balancer, in a folder of its own, on loopback, ended by its process id. It does not
// check health by itself: whoever watches the targets tells it where to send calls, or asks it for a health check.

/** A running nginx. */
export interface Nginx {
  /** Where clients connect, without a trailing slash. */
  readonly origin: string;
  /** Send new calls to these ports only; calls under way go on. */
  route(ports: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

const shipped = fileURLToPath(new URL('../deploy/nginx.conf', import.meta.url));

/** Start `program` on `port` of loopback, in front of these ports. */
export async function startNginx(program: string, port: number, ports: readonly number[]): Promise<Nginx> {
  const nginx = await run(program, port, simple(port, ports));
  return { ...nginx, route: (now) => nginx.change(simple(port, now)) };
}

/**
 * The same with the file that is shipped, where nothing is changed but the addresses.
 *
 * @param changed what a reader of the file may do to it
 */
export async function startShippedNginx(
  program: string,
  port: number,
  ports: readonly number[],
  changed: (file: string) => string = (file) => file,
): Promise<Nginx> {
  const file = changed(await readFile(shipped, 'utf8'));
  const site = (now: readonly number[]): string => {
    let at = 0;
    const placed = file
      .replaceAll(/server sealgate-\d:3000/g, () => `server 127.0.0.1:${now[(at += 1) - 1]}`)
      .replace('listen 80;', `listen 127.0.0.1:${port};`);
    if (at !== now.length) throw new Error(`${at} instances are in deploy/nginx.conf, not ${now.length}`);
    return placed;
  };
  const nginx = await run(program, port, site(ports));
  return { ...nginx, route: (now) => nginx.change(site(now)) };
}

interface Changeable {
  readonly origin: string;
  change(site: string): Promise<void>;
  close(): Promise<void>;
}

async function run(program: string, port: number, site: string): Promise<Changeable> {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-nginx-'));
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration(folder, site));
  const child = spawn(program, ['-p', folder, '-c', file, '-e', join(folder, 'error.log')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = once(child, 'exit');
  if (!(await eventually(() => child.exitCode !== null || accepts(port))) || child.exitCode !== null)
    throw new Error(`nginx does not start: ${said}`);
  return {
    origin: `http://127.0.0.1:${port}`,
    async change(now) {
      await writeFile(file, configuration(folder, now));
      child.kill('SIGHUP');
    },
    async close() {
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, site: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return `
daemon off;
${getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  ${site}
}
`;
}

// Nothing but what passes calls on: which instance gets them is for whoever watches.
function simple(port: number, ports: readonly number[]): string {
  return `
upstream gateways {
  ${ports.map((each) => `server 127.0.0.1:${each} max_fails=0;`).join('\n  ')}
  keepalive 16;
}
server {
  listen 127.0.0.1:${port};
  location / {
    proxy_pass http://gateways;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_set_header Host $http_host;
    proxy_buffering off;
    proxy_request_buffering off;
    proxy_read_timeout 1h;
    proxy_next_upstream off;
  }
}
`;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
