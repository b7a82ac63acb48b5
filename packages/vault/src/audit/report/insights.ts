import { refuse } from '../../refusal.ts';
import { businessHours, localClock } from './local-hours.ts';
import type { ReportName } from './reports.ts';

// The four reports as queries of CloudWatch Logs Insights over CloudTrail, for whoever trusts what KMS saw and not this log.
// KMS sees the use of keys, and a key that is kept in memory is used without it: there are fewer events than accesses. What
// a query says is in Amazon CloudWatch Logs, "Logs Insights QL commands" and "… operations and functions"; nothing else is
// used. That language knows no time zones, so `hours` names each stretch of time between two changes of the clock.

/** What a query is about. */
export interface QueryChoices {
  /** Only this client's; `accesses` needs one. */
  readonly client?: string | undefined;
  /** IANA name; for `hours`. */
  readonly zone: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Lines of `services`, 10 when not given. */
  readonly top?: number;
}

const context = 'requestParameters.encryptionContext';
const rowsMax = 10_000;
const stepMs = 3600_000;
const dayMs = 24 * 3600_000;

const fields = [
  '@timestamp',
  'eventName',
  `${context}.client_id as client`,
  `${context}.service as service`,
  `${context}.api_provider as provider`,
  'errorCode',
  'sourceIPAddress',
  'userIdentity.arn',
];

/**
 * The query of a report.
 *
 * @throws Refusal `item_invalid` for a zone that there is not, for `accesses` without a client, and for a client whose
 *   name cannot stand in a query
 */
export function insightsQuery(name: ReportName, choices: QueryChoices): string {
  const { client, sinceMs, untilMs, top = 10 } = choices;
  if (name === 'accesses' && client === undefined) throw refuse('item_invalid', 'say whose accesses');
  const opens = name === 'failures';
  const lines = [
    `# ${titles[name]}, from ${new Date(sinceMs).toISOString()} to ${new Date(untilMs).toISOString()}`,
    '# Set the time range of the query to the same, or to a longer one.',
    `fields ${fields.join(', ')}`,
    'filter eventSource = "kms.amazonaws.com"',
    opens ? 'filter eventName = "Decrypt"' : 'filter eventName in ["Decrypt", "GenerateDataKey"]',
    `filter ${context}.client_id != "_system"`,
    ...(client === undefined ? [] : [`filter ${context}.client_id = ${quoted(client)}`]),
    `filter toMillis(@timestamp) >= ${sinceMs} and toMillis(@timestamp) <= ${untilMs}`,
    ...(name === 'hours' ? [`filter ${outside(choices)}`] : []),
    ...(opens ? ['filter ispresent(errorCode)'] : []),
    ...(name === 'services'
      ? ['stats count(*) as accesses by service', 'sort accesses desc, service asc', `limit ${top}`]
      : ['sort @timestamp desc', `limit ${rowsMax}`]),
  ];
  const begin = lines.findIndex((line) => !line.startsWith('#'));
  return lines.map((line, at) => (at > begin ? `| ${line}\n` : `${line}\n`)).join('');
}

const titles: Readonly<Record<ReportName, string>> = {
  accesses: 'Keys used for one client',
  hours: 'Keys used outside business hours',
  services: 'Services by the use of keys',
  failures: 'Keys that could not be used',
};

function quoted(text: string): string {
  // How a quote would be escaped is not documented.
  if (/["\\\p{Cc}]/u.test(text))
    throw refuse('item_invalid', 'this name cannot stand in a query of CloudWatch: it has a quote in it');
  return `"${text}"`;
}

function outside({ zone, sinceMs, untilMs }: QueryChoices): string {
  const { opens, closes } = businessHours;
  return stretches(zone, sinceMs, untilMs)
    .map(({ fromMs, toMs, offsetMs }) => {
      const local = `(toMillis(@timestamp) + ${offsetMs + dayMs}) % ${dayMs}`;
      const hours = `(${local} < ${opens * 3600_000} or ${local} >= ${closes * 3600_000})`;
      return `(toMillis(@timestamp) >= ${fromMs} and toMillis(@timestamp) < ${toMs} and ${hours})`;
    })
    .join(' or ');
}

interface Stretch {
  readonly fromMs: number;
  /** Before it. */
  readonly toMs: number;
  readonly offsetMs: number;
}

/** The times between changes of the clock. */
function stretches(zone: string, sinceMs: number, untilMs: number): readonly Stretch[] {
  const { offsetMs } = localClock(zone);
  const found: Stretch[] = [];
  for (let fromMs = sinceMs; fromMs <= untilMs;) {
    const offset = offsetMs(fromMs);
    let nextMs = fromMs;
    while (nextMs <= untilMs && offsetMs(nextMs) === offset) nextMs += stepMs;
    const toMs = nextMs > untilMs ? untilMs + 1 : changeIn(offsetMs, nextMs - stepMs, nextMs);
    found.push({ fromMs, toMs, offsetMs: offset });
    fromMs = toMs;
  }
  return found;
}

/** The first millisecond of the new offset, by halving. */
function changeIn(offsetMs: (atMs: number) => number, beforeMs: number, afterMs: number): number {
  const offset = offsetMs(beforeMs);
  let [low, high] = [beforeMs, afterMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMs(middle) === offset) low = middle;
    else high = middle;
  }
  return high;
}
