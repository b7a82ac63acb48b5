import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { acts, type Act } from '../acts.ts';
import { attemptOf, outcomeOf } from '../fixtures/listed-entries.ts';
import { ocsfClasses } from './ocsf-classes.ts';
import { ocsfEvent } from './ocsf.ts';

// Required attributes of the classes of OCSF 1.8.0 that are used, with "at least one of" where the class says so, and the
// activities that each has.
const ofEvery = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'];
const classes: Readonly<
  Record<number, { required: string[]; oneOf?: string[]; activities: readonly number[] }>
> = {
  1008: {
    required: [],
    oneOf: ['file', 'log_name', 'log_provider'],
    activities: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  },
  3002: { required: ['user'], oneOf: ['service', 'dst_endpoint'], activities: [1, 2, 3, 4, 5, 6, 7] },
  3004: { required: ['entity'], activities: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13] },
  3005: { required: ['user', 'privileges'], activities: [1, 2] },
  6002: { required: ['app'], activities: [1, 2, 3, 4, 5, 6, 7, 8] },
  6003: { required: ['actor', 'api', 'src_endpoint'], activities: [1, 2, 3, 4] },
  6005: {
    required: ['actor', 'src_endpoint'],
    oneOf: ['database', 'databucket', 'table'],
    activities: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  },
};
type Event = Readonly<Record<string, unknown>> & {
  readonly class_uid: number;
  readonly activity_id: number;
};

const actNames = Object.keys(acts) as Act[];

describe.each(actNames)('%s', (act) => {
  const attempt = attemptOf({ act });
  test.each([
    ['ended well', { attempt, outcome: outcomeOf(attempt) }],
    ['denied', { attempt, outcome: outcomeOf(attempt, { out: 'denied', code: 'credential_missing' }) }],
    ['not ended', { attempt, outcome: undefined }],
  ])('%s, has what its class requires', (_, call) => {
    const event = ocsfEvent(call) as Event;
    const { required, oneOf = ofEvery, activities } = classes[event.class_uid]!;
    for (const name of [...ofEvery, ...required]) assert.notEqual(event[name], undefined, name);
    assert.ok(oneOf.some((name) => event[name] !== undefined));
    assert.ok(event.activity_id === 99 || activities.includes(event.activity_id));
    assert.equal(event['type_uid'], event.class_uid * 100 + event.activity_id);
    assert.equal(event['category_uid'], Math.floor(event.class_uid / 1000));
    assert.equal(event['activity_name'] === act, event.activity_id === 99);
    const metadata = event['metadata'] as Readonly<Record<string, unknown>>;
    assert.equal(metadata['version'], '1.8.0');
    assert.deepEqual(metadata['product'], {
      name: 'Sealgate',
      vendor_name: 'Sealgate',
      feature: { name: 'audit journal' },
    });
    assert.equal((event['unmapped'] as { id: string }).id, attempt.id);
    assert.deepEqual(JSON.parse(JSON.stringify(event)), JSON.parse(JSON.stringify(ocsfEvent(call))));
  });
});

test('an event says how it ended, and how grave that is', () => {
  const attempt = attemptOf({ act: 'tool.call', svc: 'shop', req: { method: 'tools/call', tool: 'orders' } });
  const of = (out: 'success' | 'failure' | 'denied' | 'error' | 'aborted' | 'unknown') => {
    const event = ocsfEvent({ attempt, outcome: outcomeOf(attempt, { out }) });
    return [event['status_id'], event['severity_id']];
  };
  assert.deepEqual(
    [of('success'), of('failure'), of('denied'), of('error'), of('aborted'), of('unknown')],
    [
      [1, 1],
      [2, 2],
      [2, 3],
      [2, 2],
      [99, 1],
      [0, 1],
    ],
  );
  assert.equal(ocsfEvent({ attempt, outcome: undefined })['status_id'], 0);
});

test('a call of a tool names operation, tool, caller and address', () => {
  const attempt = attemptOf({
    act: 'tool.call',
    actor: { type: 'person', id: 'u1' },
    svc: 'shop',
    obj: 'connection:g1/shop#u1#default',
    req: { method: 'tools/call', tool: 'orders' },
    src: { source: 'mcp', ip: '192.0.2.7', agent: 'agent/1' },
  });
  const event = ocsfEvent({ attempt, outcome: outcomeOf(attempt, { ms: 12, code: '200' }) });
  assert.deepEqual(
    [event['api'], event['src_endpoint'], event['resources'], event['duration'], event['status_code']],
    [
      { operation: 'tools/call', service: { name: 'shop' } },
      { ip: '192.0.2.7', svc_name: 'mcp' },
      [{ uid: 'connection:g1/shop#u1#default', name: 'orders' }],
      12,
      '200',
    ],
  );
  assert.deepEqual((event['actor'] as { user: object }).user, { uid: 'u1', type_id: 1, type: 'User' });
});

test('an act of another version is an API activity of that name', () => {
  const event = ocsfEvent({ attempt: attemptOf({ act: 'some.act' }), outcome: undefined });
  assert.deepEqual(
    [event['class_uid'], event['activity_id'], event['activity_name']],
    [6003, 99, 'some.act'],
  );
  const inherited = ocsfEvent({ attempt: attemptOf({ act: 'toString' }), outcome: undefined });
  assert.equal(inherited['type_uid'], 600399);
});

test('every class that is used is one that is checked here', () => {
  assert.deepEqual(
    Object.values(ocsfClasses)
      .map(({ uid }) => String(uid))
      .toSorted(),
    Object.keys(classes),
  );
});
