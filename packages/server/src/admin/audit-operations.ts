import { setTimeout as sleep } from 'node:timers/promises';
import {
  exportText,
  followEntries,
  reportOf,
  searchCalls,
  type Audit,
  type Call,
  type CallReader,
  type EntryReader,
  type TagsOf,
  type Verdict,
} from '@sealgate/vault';
import type { JournalVerdict, UsesFound } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import { auditForms as forms, filterOf, look, tenantOf } from './audit-forms.ts';
import { operation } from './operation.ts';
import { recorded, recordedPieces } from './recorded.ts';

/** What these operations work on. */
export interface AuditOperationParts {
  readonly audit: Audit;
  readonly journal: EntryReader & { verify(): Promise<Verdict> };
  /** The keys that parameters are tagged with. */
  readonly tagsOf: TagsOf;
  /** The IANA zone of a group. */
  readonly zoneOf: (tenant: string) => string;
  /** Compare how often credentials were opened with the log. @throws Refusal those of the journal */
  readonly checkUses: () => Promise<UsesFound>;
  /** What the questions are about, but for those that follow or verify the journal. */
  readonly calls: CallReader;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Calls that one search looks at. */
const lookedMax = 1_000_000;
const tailPauseMs = 500;

/**
 * `audit.list`, `audit.show`, `audit.stats`, `audit.search`, `audit.tail`, `audit.report`, `audit.export`, `audit.verify`.
 * Who reads the log is in it. Lists, reports and exports come piece by piece: a list of calls, of entries or of rows at a
 * time; of an export, text and how far it has come.
 */
export function auditOperations(parts: AuditOperationParts) {
  return { ...answered(parts), ...givenInPieces(parts) };
}

function answered({ audit, journal, calls, tagsOf, checkUses }: AuditOperationParts) {
  return {
    'audit.show': operation(forms.show, async (operator, { id, tenant: named }) => {
      const tenant = tenantOf(named, operator.context.tenant);
      return recorded(audit, operator, look('audit.read', tenant), async () => {
        const call = await calls.find(tenant, id);
        if (call === undefined) throw refuse('not_found', 'there is no entry of this id');
        return call;
      });
    }),
    'audit.stats': operation(forms.stats, async (operator, { zone, ...asked }) => {
      const filter = await filterOf(asked, operator.context.tenant, tagsOf);
      return recorded(audit, operator, look('audit.read', filter.tenant), () => calls.stats(filter, zone));
    }),
    'audit.search': operation(forms.search, async (operator, { text, limit, ...asked }) => {
      const filter = await filterOf(asked, operator.context.tenant, tagsOf);
      return recorded(audit, operator, look('audit.read', filter.tenant), () =>
        searchCalls(calls.newest(filter), text, { foundMax: limit, lookedMax }),
      );
    }),
    'audit.verify': operation(forms.verify, async (operator) =>
      recorded(audit, operator, look('audit.verify', undefined), async (): Promise<JournalVerdict> => ({
        ...(await journal.verify()),
        uses: await checkUses(),
      })),
    ),
  };
}

function givenInPieces({ audit, journal, calls, now, tagsOf, zoneOf }: AuditOperationParts) {
  return {
    'audit.list': operation(forms.list, async (operator, { order, limit, ...asked }) => {
      const filter = await filterOf(asked, operator.context.tenant, tagsOf);
      return recordedPieces(audit, operator, look('audit.read', filter.tenant), () =>
        firstOf(order === 'newest' ? calls.newest(filter) : calls.ended(filter), limit),
      );
    }),
    'audit.tail': operation(forms.tail, async (operator, asked) => {
      const filter = await filterOf(asked, operator.context.tenant, tagsOf);
      return recordedPieces(audit, operator, look('audit.read', filter.tenant), () =>
        followEntries({ journal, calls, nowMs: now() }, filter, () => sleep(tailPauseMs)),
      );
    }),
    'audit.report': operation(forms.report, async (operator, { report, zone, ...filter }) => {
      // Reports are about the deployment, unless one client is named.
      const meant = await filterOf(
        { ...filter, tenant: filter.tenant ?? '*' },
        operator.context.tenant,
        tagsOf,
      );
      return recordedPieces(audit, operator, look('audit.read', meant.tenant), () =>
        reportOf(calls, { name: report, filter: meant, zone, zoneOf }),
      );
    }),
    'audit.export': operation(forms.export, async (operator, { format, ...asked }) => {
      const filter = await filterOf(asked, operator.context.tenant, tagsOf);
      return recordedPieces(audit, operator, look('audit.export', filter.tenant), async function* () {
        let reached = { entry: 0, of: 0 };
        for await (const text of exportText(format, calls, filter, (now) => (reached = now)))
          yield { text, reached };
      });
    }),
  };
}

async function* firstOf(
  pages: AsyncIterable<readonly Call[]>,
  limit: number,
): AsyncGenerator<readonly Call[]> {
  let left = limit;
  for await (const page of pages) {
    yield page.slice(0, left);
    left -= page.length;
    if (left <= 0) return;
  }
}
