import assert from 'node:assert/strict';
import { join } from 'node:path';
import { BatchWriteItemCommand, ScanCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { describe, it } from 'vitest';
import { folderSource } from '../../../audit-verify/folder-source.ts';
import { verifyLog } from '../../../audit-verify/verify-log.ts';
import { testService } from '../../../testing/test-service.ts';
import { isEventLeaf } from '../../leaf/entry-of.ts';
import { readFolder } from '../fixtures/read-folder.ts';
import { logStage, type LogStage } from '../fixtures/stage.ts';
import { freshSegments, logTables } from './fixtures/log-tables.ts';

// Yesterday's `audit_segments` comes back, as point-in-time recovery brings it, and `audit_root` does not.

const dynamodb = await testService('dynamodb');
type Items = readonly Record<string, AttributeValue>[];

async function written(stage: LogStage, name: string) {
  const out = join(stage.folder, name);
  await stage.log.write(out);
  const verdict = await verifyLog(folderSource(out), { vkeys: stage.log.vkeys });
  return { logs: readFolder(out), verdict };
}

describe.skipIf(dynamodb === undefined)('a table that was brought back', () => {
  it('is noticed: its logs are not signed again, others go on, and nothing of the journal is left out', async () => {
    const local = await logTables(dynamodb!);
    const fresh = await freshSegments(local, dynamodb!);
    const TableName = `${fresh.tablePrefix}audit_segments`;
    const all = async (): Promise<Items> =>
      (await local.client.send(new ScanCommand({ TableName, ConsistentRead: true }))).Items ?? [];
    const write = async (requests: readonly object[]) => {
      for (let at = 0; at < requests.length; at += 25)
        await local.client.send(
          new BatchWriteItemCommand({ RequestItems: { [TableName]: requests.slice(at, at + 25) } }),
        );
    };
    const stage = await logStage(() => fresh.open());
    try {
      await stage.act({}, 5);
      await stage.log.run();
      const backup = await all();
      await stage.act({}, 5);
      await stage.act({ tenant: 'group-2' });
      await stage.log.run();
      const good = await written(stage, 'good');
      assert.deepEqual([good.verdict.state, good.verdict.findings], ['ok', []]);
      await stage.reopen(async () => {
        await write((await all()).map(({ part, place }) => ({ DeleteRequest: { Key: { part, place } } })));
        await write(backup.map((Item) => ({ PutRequest: { Item } })));
      });
      assert.ok(stage.told.some(({ code }) => code === 'journal_broken'));
      await stage.act({});
      await stage.log.run();
      const { logs, verdict } = await written(stage, 'restored');
      assert.equal(verdict.state, 'tampered', 'what was stated and is not there shows');
      const [genesis, ...entries] = logs.get('logs/group-1/202611-2')!.leaves;
      assert.match(genesis!, /"reason":"restored"/);
      assert.equal(entries.filter(isEventLeaf).length, 12);
      assert.equal(logs.get('logs/group-2/202611-2')!.leaves.length, 3);
    } finally {
      await stage.close();
      await fresh.remove();
      local.close();
    }
  });
});
