import { refuse } from '../../../refusal.ts';
import { openClient, type DynamoConnection } from '../../../store/dynamodb/client.ts';
import type { LogTableName } from '../../../store/spec.ts';
import type { Period, Segments } from '../segments.ts';
import { beforeAll, beginning, beginningKey } from './begin-period.ts';
import { openChain, type Chain } from './chain.ts';
import { sweepDropped } from './drop-period.ts';
import { itemAt, periodPart, textIn } from './items.ts';
import { logTable, type LogTable } from './log-table.ts';
import { openPeriod } from './period.ts';
import { logSecrets, openRoot } from './root.ts';
import { openTurn } from './turn.ts';

const periodName = /^\d{6}$/;

/** Where the log lies. */
export interface DynamoSegmentsOptions extends DynamoConnection {
  /** Put before every table name; `undefined`: nothing. */
  readonly tablePrefix?: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * The sealed log on DynamoDB, in the tables `audit_segments` and `audit_root`. They exist already (`createTables`). Any number
 * of processes may seal into it: of two that add to a log at once one is told that it lost.
 *
 * @throws Refusal `store_unavailable` from the methods
 */
export function dynamoSegments({ tablePrefix = '', now, ...connection }: DynamoSegmentsOptions): Segments {
  const client = openClient(connection);
  const named = (name: LogTableName) => logTable(client, `${tablePrefix}${name}`);
  const [table, rootTable] = [named('audit_segments'), named('audit_root')];
  const months = openMonths(table, now);
  return {
    alone: openTurn(table, now),
    root: openRoot(rootTable, now),
    secrets: logSecrets(rootTable),
    periods: months.begun,
    async period(name) {
      if (!(await months.has(name)))
        throw refuse('store_unavailable', 'there is no such month in the audit log', name);
      return months.open(name);
    },
    async begin(name, ends) {
      for (;;) {
        const names = await months.begun();
        const newest = names.at(-1);
        if (names.includes(name)) return months.open(name);
        if (!periodName.test(name) || (newest !== undefined && newest > name))
          throw refuse('item_invalid', 'a month of the audit log begins behind the others', name);
        const from = newest ?? beforeAll;
        await months.chainOf(from).commit((n) => beginning(table, from, { name, ends }, n));
      }
    },
    async drop(name) {
      const [oldest, ...others] = await months.begun();
      if (oldest !== name || others.length === 0) return false;
      await table.put(itemAt(beginningKey(name), { dropped: { BOOL: true } }), 'always');
      months.forget(name);
      await sweepDropped(table, rootTable);
      return true;
    },
    close: async () => client.destroy(),
  };
}

interface Months {
  /** Names of those that have begun. */
  begun(): Promise<string[]>;
  has(name: string): Promise<boolean>;
  open(name: string): Period;
  forget(name: string): void;
  chainOf(name: string): Chain;
}

function openMonths(table: LogTable, now: () => number): Months {
  const chains = new Map<string, Chain>();
  const opened = new Map<string, Period>();
  const chainOf = (name: string): Chain => {
    const chain = chains.get(name) ?? openChain({ table, part: periodPart(name), now });
    chains.set(name, chain);
    return chain;
  };
  const listed = async (): Promise<string[]> => {
    const items = await table.list({ part: 'periods', places: { from: '0', to: '9~' } });
    return items.filter((item) => item['dropped'] === undefined).map((item) => textIn(item, 'place'));
  };
  // The last segment of the newest month may be one that begins another.
  const begun = async (): Promise<string[]> => {
    const before = await listed();
    const newest = before.at(-1) ?? beforeAll;
    return (await chainOf(newest).settled()).ended ? listed() : before;
  };
  return {
    begun,
    has: async (name) => opened.has(name) || (await begun()).includes(name),
    open(name) {
      const period = opened.get(name) ?? openPeriod({ table, name, chain: chainOf(name) });
      opened.set(name, period);
      return period;
    },
    forget: (name) => void opened.delete(name),
    chainOf,
  };
}
