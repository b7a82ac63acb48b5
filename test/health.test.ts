import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from './census.ts';
import { startHeld } from './fixtures/held.ts';
import { freePort } from '../packages/vault/src/testing/free-port.ts';
import { startModern } from './fixtures/modern.ts';
import { modernCall, rawHttp, type RawAnswer } from './fixtures/raw-http.ts';
import { documentedChecks, noticeMs, openOpinion, watch, type HealthChecks } from './health-checks.ts';
import { startNginx, type Nginx } from './nginx.ts';
import { programOrSkip } from './programs.ts';
import {
  done,
  freshDataDir,
  overSocket,
  removeDataDir,
  sealgate,
  startSealgate,
  type Running,
} from './start.ts';

// What a load balancer sees of a gateway that stops, whose disk fails, or that has all it can take. The checks are those
// of the documentation with a shorter interval; nginx carries the calls and asks nobody about health by itself.

const nginx = programOrSkip('nginx', 'apt-get install nginx-light');
const prlimit = programOrSkip('prlimit', 'apt-get install util-linux');

const quick: HealthChecks = { ...documentedChecks, everyMs: 100, timeoutMs: 2000 };
const atEnd: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (atEnd.length > 0) await atEnd.pop()?.();
});

async function keep<T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const started = await starting;
  atEnd.push(() => started.close());
  return started;
}

async function dataDirForTest(): Promise<string> {
  const dataDir = await freshDataDir();
  atEnd.push(() => removeDataDir(dataDir));
  return dataDir;
}

async function start(
  dataDir: string,
  env: Readonly<Record<string, string>>,
  signedIn = true,
): Promise<Running> {
  const running = await startSealgate({
    dataDir,
    signedIn,
    env: { RATE_LIMIT_MCP_RPM: '10000000', ...env },
  });
  atEnd.push(() => running.kill());
  return running;
}

const echo = modernCall(1, 'echo', { text: 'hi' });

function call(origin: string, bearer: string, name: string, request = echo): Promise<RawAnswer> {
  const headers = { ...request.headers, authorization: `Bearer ${bearer}` };
  return rawHttp(`${origin}/mcp/${name}`, { ...request, headers });
}

function codeOf(answer: RawAnswer): string | undefined {
  return (JSON.parse(answer.body) as { error?: { data?: { code?: string } } }).error?.data?.code;
}

const asked = async (origin: string, path: string): Promise<RawAnswer> =>
  rawHttp(`${origin}${path}`, { method: 'GET' });

/** How a gateway says it does; `undefined` when nobody listens any more. */
async function healthOf(origin: string): Promise<{ http: number; [fact: string]: unknown } | undefined> {
  const answer = await asked(origin, '/health').catch(() => undefined);
  return answer && { ...(JSON.parse(answer.body) as object), http: answer.status };
}

describe('the documented checks', () => {
  it('take a target in after two good answers in a row and out after three bad ones', () => {
    const opinion = openOpinion(documentedChecks);
    const after = [...'++-+--+---+-++'].map((sign) => {
      opinion.take(sign === '+');
      return opinion.healthy() ? 'in' : 'out';
    });
    expect(after.join(' ')).toBe('out in in in in in in in in out out out out in');
  });

  it('are those of the manual, with a delay that is as long as they need to notice', () => {
    const manual = readFileSync(new URL('../docs/operate.md', import.meta.url), 'utf8');
    const { everyMs, timeoutMs, healthyAfter, unhealthyAfter } = documentedChecks;
    expect(manual).toContain(
      `healthy after ${healthyAfter}, unhealthy after ${unhealthyAfter}, every ${everyMs / 1000} s, time-out ${timeoutMs / 1000} s`,
    );
    expect(manual).toContain(`DRAIN_DELAY_SECONDS=${noticeMs(documentedChecks) / 1000}`);
  });
});

describe('a gateway with as many calls as it takes', () => {
  it('stays healthy, refuses further calls at once, and loses none that it took', async () => {
    const dataDir = await dataDirForTest();
    const upstream = await keep(startHeld());
    // Several, so that none of them has as many as one may have.
    const names = ['held-a', 'held-b', 'held-c', 'held-d', 'held-e'];
    for (const name of names) await done(dataDir, ['upstreams', 'add', name, '--url', upstream.url]);
    const { origin, bearer } = await start(dataDir, {});
    // It has the time-out of the manual: the test itself opens a thousand connections meanwhile.
    const watching = watch(origin, { ...quick, timeoutMs: documentedChecks.timeoutMs });
    atEnd.push(() => watching.stop());
    expect(await eventually(() => watching.healthy())).toBe(true);

    const [taken, further] = [1024, 40];
    const refused: RawAnswer[] = [];
    const calls = Array.from({ length: taken + further }, async (_, at) => {
      const answer = await call(origin, bearer, names[at % names.length]!);
      if (answer.status !== 200) refused.push(answer);
      return answer.status;
    });
    expect(await eventually(() => refused.length >= further)).toBe(true);
    const before = watching.tookMs.length;
    expect(await eventually(() => watching.tookMs.length >= before + 2 * quick.unhealthyAfter)).toBe(true);
    expect(watching.healthy()).toBe(true);
    expect(watching.tookMs).not.toContain(undefined);
    expect((await asked(origin, '/health/live')).status).toBe(200);
    expect(new Set(refused.map(codeOf))).toEqual(new Set(['overloaded']));
    expect(new Set(refused.map(({ status, headers }) => `${status} ${headers['retry-after']}`))).toEqual(
      new Set(['503 1']),
    );

    upstream.release();
    const statuses = await Promise.all(calls);
    expect(statuses.filter((status) => status === 200)).toHaveLength(taken);
    expect(refused).toHaveLength(further);
    expect(upstream.received()).toBe(taken);
    expect((await call(origin, bearer, 'held-a')).status).toBe(200);
  });

  it('has no more than a quarter of them at one upstream, so that a slow one leaves the others alone', async () => {
    const dataDir = await dataDirForTest();
    const [slow, other] = [await keep(startHeld()), await keep(startHeld(false))];
    await done(dataDir, ['upstreams', 'add', 'slow', '--url', slow.url]);
    await done(dataDir, ['upstreams', 'add', 'other', '--url', other.url]);
    const { origin, bearer } = await start(dataDir, {});
    const refused: RawAnswer[] = [];
    const calls = Array.from({ length: 300 }, async () => {
      const answer = await call(origin, bearer, 'slow');
      if (answer.status !== 200) refused.push(answer);
      return answer.status;
    });
    expect(await eventually(() => refused.length >= 44 && slow.received() === 256)).toBe(true);
    expect(new Set(refused.map(codeOf))).toEqual(new Set(['overloaded']));
    expect(refused[0]?.body).toContain('slow');
    expect((await call(origin, bearer, 'other')).status).toBe(200);
    slow.release();
    expect((await Promise.all(calls)).filter((status) => status === 200)).toHaveLength(256);
    expect((await call(origin, bearer, 'slow')).status).toBe(200);
  });
});

interface Stage {
  readonly balancer: Nginx;
  readonly first: Running;
  /** Of the first gateway itself. */
  readonly direct: string;
  readonly bearer: string;
  /** Whether the balancer sends calls to the first gateway. */
  readonly firstIsIn: () => boolean;
  /** Start the first gateway again. */
  restart(): Promise<Running>;
}

// Two gateways with the same keys, upstreams and bearer behind one address, and a check of each.
async function openStage(upstreams: Readonly<Record<string, string>>, delaySeconds: number): Promise<Stage> {
  const [front, ...ports] = [await freePort(), await freePort(), await freePort()];
  const dirs = [await dataDirForTest(), await dataDirForTest()] as const;
  for (const [name, url] of Object.entries(upstreams))
    await done(dirs[0], ['upstreams', 'add', name, '--url', url]);
  const gateway = (at: 0 | 1, signedIn: boolean): Promise<Running> =>
    start(
      dirs[at],
      {
        PORT: String(ports[at]),
        FRONTEND_URL: `http://127.0.0.1:${front}`,
        DRAIN_DELAY_SECONDS: String(delaySeconds),
      },
      signedIn,
    );
  const balancer = await keep(startNginx(nginx as string, front, ports.slice(0, 1)));
  // Signed in before the copy is made, so that both know the token.
  const { stop, bearer } = await gateway(0, true);
  await stop();
  cpSync(dirs[0], dirs[1], { recursive: true });
  chmodSync(dirs[1], 0o700);
  const [first] = [await gateway(0, true), await gateway(1, false)];
  await balancer.route(ports);
  const inRotation = new Set(ports);
  const watching = ports.map((port) =>
    watch(`http://127.0.0.1:${port}`, quick, async (healthy) => {
      if (healthy) inRotation.add(port);
      else inRotation.delete(port);
      await balancer.route([...inRotation]);
    }),
  );
  atEnd.push(() => Promise.all(watching.map((each) => each.stop())));
  expect(await eventually(() => watching.every((each) => each.healthy()))).toBe(true);
  return {
    balancer,
    first,
    direct: `http://127.0.0.1:${ports[0]}`,
    bearer,
    firstIsIn: () => watching[0]?.healthy() === true,
    restart: () => gateway(0, true),
  };
}

/** Call through the balancer without a pause until stopped. `lost`: calls that got no answer. */
function keepCalling(origin: string, bearer: string, name: string) {
  let over = false;
  const answers: RawAnswer[] = [];
  const lost: unknown[] = [];
  const loops = Array.from({ length: 6 }, async () => {
    while (!over)
      await call(origin, bearer, name).then(
        (answer) => answers.push(answer),
        (error: unknown) => lost.push(error),
      );
  });
  const stop = async (): Promise<void> => {
    over = true;
    await Promise.all(loops);
  };
  atEnd.push(stop);
  return { answers, lost, stop };
}

describe.skipIf(nginx === undefined)('behind nginx, a gateway that is told to stop', () => {
  it('says so in its health first, then lets nobody in, finishes what runs, and no call is lost', async () => {
    const [held, modern] = [await keep(startHeld(false)), await keep(startModern())];
    const stage = await openStage({ quick: held.url, slow: modern.url }, 8);
    const { balancer, direct, bearer, first } = stage;
    const slow = modernCall(2, 'slow', { steps: 160, stepMs: 100 });
    const load = keepCalling(balancer.origin, bearer, 'quick');
    const long = [
      call(direct, bearer, 'slow', slow),
      ...Array.from({ length: 4 }, () => call(balancer.origin, bearer, 'slow', slow)),
    ];
    const finished = Promise.allSettled(long);
    expect(await eventually(() => modern.seen.running === long.length)).toBe(true);

    const stopped = first.stop();
    expect(await eventually(async () => (await healthOf(direct))?.http === 503)).toBe(true);
    expect(await healthOf(direct)).toMatchObject({ status: 'draining', failing: [] });
    expect((await call(direct, bearer, 'quick')).status).toBe(200);
    expect(await overSocket(first.dataDir, 'status', {})).toContain('"ok":true');
    expect(await eventually(() => !stage.firstIsIn())).toBe(true);
    expect((await call(direct, bearer, 'quick')).status).toBe(200);

    const finds = (): Promise<boolean> =>
      call(direct, bearer, 'quick').then(
        () => true,
        () => false,
      );
    expect(await eventually(async () => !(await finds()))).toBe(true);
    expect(await healthOf(direct)).toBeUndefined();
    expect(modern.seen.running).toBe(long.length);

    const complete = (await finished).map((each) => each.status === 'fulfilled' && each.value.body);
    expect(complete).toEqual(long.map(() => expect.stringContaining('160 steps')));
    expect(await stopped).toEqual({ code: 0, signal: null });
    expect(modern.seen.cancelled).toBe(0);

    await stage.restart();
    expect(await eventually(() => stage.firstIsIn())).toBe(true);
    const sofar = load.answers.length;
    expect(await eventually(() => load.answers.length > sofar + 100)).toBe(true);
    await load.stop();
    expect(load.lost).toEqual([]);
    expect(load.answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(load.answers.length).toBeGreaterThan(500);
  }, 120_000);
});

/** From 0 bytes on every write of the process fails, as on a full disk. */
function disk(pid: number, state: 'full' | 'free'): void {
  const soft = `--fsize=${state === 'full' ? 0 : 'unlimited'}:`;
  execFileSync(prlimit as string, ['--pid', String(pid), soft]);
}

describe.skipIf(prlimit === undefined)('a gateway whose disk is full while nobody calls', () => {
  it('is not well again before a write has succeeded, and works all along', async () => {
    const dataDir = await dataDirForTest();
    const upstream = await keep(startHeld(false));
    await done(dataDir, ['upstreams', 'add', 'held', '--url', upstream.url]);
    const { origin, bearer, pid } = await start(dataDir, {});
    disk(pid, 'full');
    expect(codeOf(await call(origin, bearer, 'held'))).toBe('audit_unavailable');
    // Every second the file is opened anew, which a full disk allows.
    for (let round = 0; round < 25; round += 1) {
      expect(await healthOf(origin)).toMatchObject({ http: 503, failing: ['journal'] });
      expect((await asked(origin, '/health/live')).status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    disk(pid, 'free');
    expect(await eventually(async () => (await healthOf(origin))?.http === 200)).toBe(true);
    expect((await call(origin, bearer, 'held')).status).toBe(200);
    expect(upstream.received()).toBe(1);
  });
});

describe.skipIf(nginx === undefined || prlimit === undefined)(
  'behind nginx, a gateway whose disk fails',
  () => {
    it('carries out no call it cannot log, stays out until a write succeeds, and comes back by itself', async () => {
      const upstream = await keep(startHeld(false));
      const stage = await openStage({ quick: upstream.url }, 0);
      const { balancer, direct, bearer, first } = stage;
      expect((await call(direct, bearer, 'quick')).status).toBe(200);
      const load = keepCalling(balancer.origin, bearer, 'quick');
      disk(first.pid, 'full');
      expect(await eventually(() => !stage.firstIsIn())).toBe(true);

      const refusal = await call(direct, bearer, 'quick');
      expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
      expect(codeOf(refusal)).toBe('audit_unavailable');
      const health = await healthOf(direct);
      expect(health).toMatchObject({
        http: 503,
        status: 'unavailable',
        stores: { tables: 'sqlite', journal: 'sqlite', records: 'tables', bus: 'process', limits: 'process' },
        failing: ['journal'],
      });
      expect(JSON.stringify(health)).not.toContain(first.dataDir);
      const failed = () => load.answers.filter(({ status }) => status !== 200);
      expect(new Set(failed().map(codeOf))).toEqual(new Set(['audit_unavailable']));

      const calm = (): boolean => load.answers.slice(-100).every(({ status }) => status === 200);
      expect(await eventually(calm)).toBe(true);
      const failedSofar = failed().length;
      disk(first.pid, 'free');
      expect(await eventually(() => stage.firstIsIn())).toBe(true);
      expect((await call(direct, bearer, 'quick')).status).toBe(200);
      await load.stop();
      expect(failed()).toHaveLength(failedSofar);
      // Two calls were put to the gateway itself, and no refused one reached the upstream.
      expect(upstream.received()).toBe(load.answers.length - failedSofar + 2);
      expect(await first.stop()).toEqual({ code: 0, signal: null });
      expect((await sealgate(first.dataDir, ['doctor'])).stdout).toMatch(/ok {4}journal: .* chain intact/);
    });
  },
);
