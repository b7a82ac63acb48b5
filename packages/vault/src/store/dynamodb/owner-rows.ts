import {
  ConditionalCheckFailedException,
  GetItemCommand,
  UpdateItemCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';

// Which records an owner has: one row for each owner, with a map from name to end, changed name by name. An entry is
// there before its record is, and may stay when the record has gone: whoever lists looks at the records.

/** Where rows lie. */
export interface RowPlace {
  readonly client: DynamoDBClient;
  readonly TableName: string;
  /** The table's partition key. */
  readonly key: string;
}

/** Entries of owners. Every method may throw errors of the SDK. */
export interface OwnerRows {
  /** Note that the owner has the record until then, unless that is noted already. */
  enter(owner: string, name: string, endsAtMs: number): Promise<void>;
  leave(owner: string, name: string): Promise<void>;
  /** Names in order, whatever has become of their records. */
  namesOf(owner: string): Promise<readonly string[]>;
}

const enteredMax = 10_000;
/** The longest that a browser keeps a cookie (RFC 6265bis §5.5): an owner's row outlives what it names. */
const rowSeconds = 400 * 24 * 60 * 60;
/** An item of 400 KB has room for more; beyond it the ended ones are dropped. */
const entriesMax = 2000;

/** The rows of owners in this table. */
export function ownerRows({ client, TableName, key }: RowPlace, now: () => number): OwnerRows {
  const entered = new Map<string, number>();
  const rowOf = (owner: string) => ({ [key]: { S: `o#${owner}` } });
  const update = (owner: string, change: object) =>
    client.send(new UpdateItemCommand({ TableName, Key: rowOf(owner), ...change }));
  const entriesOf = async (owner: string): Promise<readonly (readonly [string, number])[]> => {
    const row = await client.send(new GetItemCommand({ TableName, Key: rowOf(owner), ConsistentRead: true }));
    return Object.entries(row.Item?.['recordEnds']?.M ?? {}).map(([name, { N }]) => [name, Number(N)]);
  };
  const add = (owner: string, name: string, endsAtMs: number) => update(owner, entryOf(name, endsAtMs));
  const makeRow = (owner: string) =>
    update(owner, {
      UpdateExpression: 'SET recordEnds = if_not_exists(recordEnds, :none)',
      ExpressionAttributeValues: { ':none': { M: {} } },
    });
  const leave = (owner: string, name: string) =>
    update(owner, {
      UpdateExpression: 'REMOVE recordEnds.#name',
      ConditionExpression: 'attribute_exists(recordEnds)',
      ExpressionAttributeNames: { '#name': name },
    }).then(() => undefined, onLost);
  const dropEnded = async (owner: string): Promise<void> => {
    const entries = await entriesOf(owner);
    if (entries.length < entriesMax) return;
    for (const [name, endsAtMs] of entries) if (endsAtMs <= now()) await leave(owner, name);
  };
  return {
    async enter(owner, name, endsAtMs) {
      const entry = JSON.stringify([owner, name]);
      if ((entered.get(entry) ?? 0) >= endsAtMs) return;
      try {
        await add(owner, name, endsAtMs);
      } catch (error) {
        onLost(error);
        await makeRow(owner);
        await add(owner, name, endsAtMs);
      }
      if (!entered.has(entry)) await dropEnded(owner);
      if (entered.size >= enteredMax) entered.clear();
      entered.set(entry, endsAtMs);
    },
    async leave(owner, name) {
      entered.delete(JSON.stringify([owner, name]));
      await leave(owner, name);
    },
    namesOf: async (owner) => (await entriesOf(owner)).map(([name]) => name).toSorted(byCodeUnits),
  };
}

function entryOf(name: string, endsAtMs: number): object {
  return {
    UpdateExpression: 'SET recordEnds.#name = :end, #ttl = :ttl',
    ConditionExpression: 'attribute_exists(recordEnds)',
    ExpressionAttributeNames: { '#name': name, '#ttl': 'ttl' },
    ExpressionAttributeValues: {
      ':end': { N: String(endsAtMs) },
      ':ttl': { N: String(Math.ceil(endsAtMs / 1000) + rowSeconds) },
    },
  };
}

/** Order of names, the same in every process. */
function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function onLost(error: unknown): void {
  if (!(error instanceof ConditionalCheckFailedException)) throw error;
}
