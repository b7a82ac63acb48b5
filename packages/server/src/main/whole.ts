import type { Gate } from '@sealgate/vault';
import { openAggregate } from '../gateway/aggregate/aggregate.ts';
import { openCatalog } from '../gateway/aggregate/catalog.ts';
import { noOwnTools } from '../gateway/aggregate/own-tools.ts';
import { openPageRecords } from '../gateway/aggregate/page-records.ts';
import { openRewrite, type Rewrite } from '../gateway/aggregate/rewrite.ts';
import { allow } from '../gateway/allow.ts';
import type { OpenTarget } from '../gateway/front/target.ts';
import type { Log } from '../log.ts';
import { version } from '../version.ts';
import type { Ground } from './ground.ts';
import type { Reached } from './reached.ts';

/** Longest wait for one upstream when all of them are listed. */
const listTimeoutMs = 5000;

/** What the address for all stands on. */
export interface WholeGround {
  readonly ground: Pick<Ground, 'upstreams' | 'connections' | 'sealer' | 'records' | 'news' | 'several'>;
  readonly gate: Pick<Gate, 'onChange'>;
  readonly reached: Pick<Reached, 'single' | 'isModern'>;
  readonly log: Log;
  readonly now: () => number;
}

/** All upstreams of a group as one, and the short way through them. @throws Refusal `store_unavailable` */
export async function openWhole({ ground, gate, reached, log, now }: WholeGround): Promise<{
  readonly aggregate: OpenTarget;
  readonly rewrite: Rewrite;
  readonly close: () => Promise<void>;
}> {
  const { upstreams, connections, sealer, records, news, several } = ground;
  const shared = several ? await openPageRecords({ records, sealer, news, now }) : undefined;
  const catalog = openCatalog({
    async authorization({ tenant, subject }, { name }) {
      const row = (await connections.find(tenant, subject, name, 'default'))?.row;
      return row === undefined ? undefined : JSON.stringify([row.connectionId, row['epoch']]);
    },
    shared,
    now,
  });
  // Pages lie under the credential they were listed with, so that what changed unheard hides none.
  gate.onChange((change) => change !== undefined && catalog.drop(change.tenant, change.upstream));
  const aggregate = openAggregate({
    single: reached.single,
    upstreams: {
      list: (tenant) => upstreams.list(tenant).map(({ upstream }) => upstream),
      onChange: (listener) => upstreams.onChange(listener),
    },
    allow,
    catalog,
    own: noOwnTools,
    sealer,
    now,
    log,
    version,
    listTimeoutMs,
  });
  const { isModern } = reached;
  const rewrite = openRewrite({ catalog, upstreams, allow, isModern });
  return { aggregate, rewrite, close: async () => shared?.close() };
}
