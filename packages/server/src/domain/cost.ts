// What AWS will ask for in a month, each line with how it is made up. Prices are those of one day and one region, and every
// one can be said anew; what is estimated is how often a key is asked for, and that is what the tests count.

const secondsADay = 86_400;
/** As AWS counts a month. */
const hoursAMonth = 730;

/** Prices in US dollars. */
export interface Prices {
  /** One key of KMS for a month. */
  readonly keyMonth: number;
  /** 10,000 requests to KMS. */
  readonly calls10k: number;
  /** Requests to KMS that cost nothing in a month. */
  readonly freeCalls: number;
  /** One node of Redis for an hour. */
  readonly redisNodeHour: number;
}

/** Prices that hold when none are said: us-east-1, on demand. */
export const listPrices: Prices = { keyMonth: 1, calls10k: 0.03, freeCalls: 20_000, redisNodeHour: 0.032 };
/** Of which day {@link listPrices} are. */
export const pricesOf = {
  kms: 'AWS KMS, us-east-1, June 2026',
  redis: 'ElastiCache cache.t4g.small, us-east-1, January 2025',
};

/** What is to be run. */
export interface Usage {
  /** Tenants, or clients of SecureTokenManager, that are in use. */
  readonly clients: number;
  readonly operationsADay: number;
  readonly instances: number;
  /** Whether each client has a key of KMS of its own. */
  readonly ownKeys: boolean;
  readonly redisNodes: number;
  /** How long an open key is kept. */
  readonly keyLifeSeconds: number;
  /** Share of calls that was measured to be saved, 0 to 1; `undefined`: as {@link callsADay} has it. */
  readonly saving: number | undefined;
}

/** One line of an estimate. */
export interface CostLine {
  readonly what: string;
  readonly how: string;
  /** A month. */
  readonly usd: number;
}

/** An estimate. */
export interface Cost {
  readonly lines: readonly CostLine[];
  readonly usd: number;
  /** The same with a call of KMS for every operation. */
  readonly usdWithoutCache: number;
  readonly saving: number;
}

/**
 * How often KMS is asked in a day. Each instance asks for the key of each client, keeps it for its life, and asks again at the
 * next operation after that: operations that come at random are 1/rate apart.
 */
export function callsADay(usage: Usage): number {
  const { clients, instances, operationsADay, keyLifeSeconds } = usage;
  const eachADay = operationsADay / (clients * instances);
  if (eachADay === 0) return 0;
  return clients * instances * (secondsADay / (keyLifeSeconds + secondsADay / eachADay));
}

/** What a month costs. */
export function costOf(usage: Usage, prices: Prices): Cost {
  const { operationsADay, saving } = usage;
  const calls = saving === undefined ? callsADay(usage) : operationsADay * (1 - saving);
  const saved = operationsADay === 0 ? 0 : 1 - calls / operationsADay;
  const lines = [keyLine(usage, prices), callLine(usage, prices, calls), redisLine(usage, prices)];
  const usd = sum(lines);
  const without = [lines[0], callLine(usage, prices, operationsADay), lines[2]];
  return { lines, usd, usdWithoutCache: sum(without), saving: saved };
}

function keyLine({ clients, ownKeys }: Usage, { keyMonth }: Prices): CostLine {
  const keys = ownKeys ? clients + 1 : 1;
  const whose = ownKeys ? `${grouped(clients)} of clients and one of the deployment` : 'one for all clients';
  return { what: 'KMS keys', how: `${whose}, ${keyMonth} USD each`, usd: keys * keyMonth };
}

function callLine({ operationsADay }: Usage, { calls10k, freeCalls }: Prices, calls: number): CostLine {
  const aMonth = Math.round((calls * hoursAMonth) / 24);
  const charged = Math.max(0, aMonth - freeCalls);
  const saved = operationsADay === 0 ? 0 : 100 * (1 - calls / operationsADay);
  const how = `${grouped(Math.round(calls))} calls for ${grouped(operationsADay)} operations a day (${saved.toFixed(1)} % saved); ${grouped(aMonth)} a month less ${grouped(freeCalls)} free, ${calls10k} USD for 10,000`;
  return { what: 'KMS calls', how, usd: (charged / 10_000) * calls10k };
}

function redisLine({ redisNodes }: Usage, { redisNodeHour }: Prices): CostLine {
  const how = `${grouped(redisNodes)} x ${hoursAMonth} hours, ${redisNodeHour} USD each`;
  return { what: 'Redis nodes', how, usd: redisNodes * hoursAMonth * redisNodeHour };
}

function sum(lines: readonly (CostLine | undefined)[]): number {
  return lines.reduce((total, line) => total + (line?.usd ?? 0), 0);
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
