import assert from 'node:assert/strict';
import { acts, type Act } from '../../packages/vault/src/audit/acts.ts';
import { attemptOf, outcomeOf } from '../../packages/vault/src/audit/fixtures/listed-entries.ts';
import { ocsfClasses } from '../../packages/vault/src/audit/export/ocsf-classes.ts';
import { ocsfEvent } from '../../packages/vault/src/audit/export/ocsf.ts';
import type { OcsfStage } from './ocsf-stage.ts';

// What we export as OCSF before a validator that others have written: every act as it ends well, is denied and does not end, by
// persons, clients and the gateway itself. And it must go red, or its silence says nothing.

/** One judgement. */
export interface OcsfCase {
  readonly name: string;
  run(stage: OcsfStage): Promise<string>;
}

const skipped = 'skipped: no Python';
const place = { log: 'gate.example/audit/group-1/202611', index: 41 };

function events(): Record<string, unknown>[] {
  return (Object.keys(acts) as Act[]).flatMap((act) =>
    (['person', 'client', 'system'] as const).flatMap((type) => {
      const attempt = attemptOf({ act, actor: { type, id: `${type}-1` } });
      const calls = [
        { attempt, outcome: outcomeOf(attempt) },
        { attempt, outcome: outcomeOf(attempt, { out: 'denied', code: 'credential_missing' }) },
        { attempt, outcome: undefined },
      ];
      return calls.map((call) => ({ ...ocsfEvent(call, { attempt: place, outcome: undefined }) }));
    }),
  );
}

/** An attribute that each class requires. */
const required: Readonly<Record<string, string>> = {
  1008: 'time',
  3002: 'user',
  3004: 'entity',
  3005: 'privileges',
  6002: 'app',
  6003: 'api',
  6005: 'src_endpoint',
};

/** The judgements. */
export const ocsfCases: readonly OcsfCase[] = [
  {
    name: 'OCSF 1.8.0, ocsf-json-schema: every class that is exported is valid',
    async run({ verdict }) {
      const said = verdict(events());
      if (said === undefined) return skipped;
      assert.deepEqual(said.faults, []);
      const classes = Object.keys(said.classes)
        .map(Number)
        .toSorted((a, b) => a - b);
      assert.deepEqual(
        classes,
        Object.values(ocsfClasses)
          .map(({ uid }) => uid)
          .toSorted((a, b) => a - b),
      );
      const count = Object.values(said.classes).reduce((sum, each) => sum + each, 0);
      return `${count} events of ${classes.length} classes`;
    },
  },
  {
    name: 'OCSF 1.8.0, ocsf-json-schema: refused without what a class requires, and with a value that is none',
    async run({ verdict }) {
      const all = events();
      for (const [uid, attribute] of Object.entries(required)) {
        const { [attribute]: _, ...fewer } = all.find((event) => event['class_uid'] === Number(uid))!;
        const said = verdict([fewer]);
        if (said === undefined) return skipped;
        assert.match(said.faults.join(), /required/, `${uid} without ${attribute}`);
      }
      const other = verdict([
        { ...all[0]!, time: 'yesterday' },
        { ...all[0]!, severity_id: 7 },
      ]);
      assert.ok(
        other!.faults.some((fault) => fault.startsWith('line 1')),
        'a time that is none',
      );
      assert.ok(
        other!.faults.some((fault) => fault.startsWith('line 2')),
        'a severity that is none',
      );
      return `${Object.keys(required).length} classes`;
    },
  },
];
