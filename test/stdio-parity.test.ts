import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openRoom, type Room } from '../packages/server/src/gateway/stdio/fixtures/parts.ts';
import { connectHttp, connectStdio, type Connected } from './fixtures/clients.ts';
import { everythingStdio, filesystemStdio, memoryStdio, type Command } from './fixtures/everything.ts';
import { everythingPlan, filesystemPlan, memoryPlan } from './fixtures/plans.ts';
import { parity, type Plan } from './parity.ts';

// A child behind the gateway cannot be told from the same child started by the client itself.

let room: Room | undefined;
const folders: string[] = [];
const clients: Connected[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await room?.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'sealgate-parity-'));
  folders.push(made);
  return made;
}

async function differences(direct: Command, through: Command, plan: Plan): Promise<unknown> {
  const upstream = {
    kind: 'stdio',
    name: 'child',
    cwd: undefined,
    credential: undefined,
    ...through,
  } as const;
  room = await openRoom([upstream]);
  clients.push(await connectStdio(direct), await connectHttp({ url: room.urlOf('child') }, 'legacy'));
  return parity(clients[0]!, clients[1]!, plan);
}

test('server-everything answers everything the same', async () => {
  expect(await differences(everythingStdio, everythingStdio, everythingPlan)).toEqual([]);
});

test('server-everything keeps and cancels tasks the same', async () => {
  // Task ids and times are the child's own and differ from run to run.
  const settle = (_: string, answer: unknown): unknown =>
    JSON.parse(JSON.stringify(answer).replaceAll(/"(taskId|createdAt|lastUpdatedAt)":"[^"]*"/g, '"$1":"X"'));
  const call = { name: 'simulate-research-query', arguments: { topic: 'x' }, task: { ttl: 60_000 } };
  const requests = [
    { method: 'tools/call', params: call },
    { method: 'tasks/get', params: { taskId: 'no-such-task' } },
    { method: 'tasks/cancel', params: { taskId: 'no-such-task' } },
  ];
  expect(await differences(everythingStdio, everythingStdio, { requests, settle })).toEqual([]);
});

test('server-filesystem answers everything the same', async () => {
  const shared = await folder();
  await writeFile(join(shared, 'a.txt'), 'hello');
  const command = filesystemStdio(shared);
  expect(await differences(command, command, filesystemPlan(shared))).toEqual([]);
});

test('server-memory answers everything the same', async () => {
  const [one, other] = [join(await folder(), 'g.jsonl'), join(await folder(), 'g.jsonl')];
  expect(await differences(memoryStdio(one), memoryStdio(other), memoryPlan)).toEqual([]);
});
