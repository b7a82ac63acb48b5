import { InvalidArgumentError, type Command } from 'commander';
import { keyLifeSeconds } from '@sealgate/vault';
import { costOf, listPrices, pricesOf, type Cost, type Prices, type Usage } from '../domain/cost.ts';
import { show, type CommandContext, type CommonOptions } from './context.ts';
import { columns } from './terminal.ts';

interface CostOptions extends CommonOptions {
  readonly clients: number;
  readonly operations: number;
  readonly instances: number;
  readonly ownKeys?: boolean;
  readonly redisNodes: number;
  readonly saving?: number;
  readonly keyPrice: number;
  readonly callsPrice: number;
  readonly freeCalls: number;
  readonly redisPrice: number;
}

const help = `
An estimate in US dollars a month, each line with how it is made up; look prices up before you rely on it. The saving is
worked out from how long a key is kept; say --saving when you have measured yours.

Examples:
  sealgate cost --clients 100 --operations 1000000
  sealgate cost --clients 100 --operations 1000000 --instances 3 --own-keys --redis-nodes 2
`;

/** `sealgate cost`. */
export function costCommand(program: Command, context: CommandContext): void {
  program
    .command('cost')
    .description('estimate what AWS asks for keys, calls and Redis in a month')
    .option('--clients <count>', 'groups, or clients of SecureTokenManager', whole, 100)
    .option('--operations <count>', 'of all of them in a day', number, 1_000_000)
    .option('--instances <count>', 'that keep keys in memory, each for itself', whole, 1)
    .option('--own-keys', 'a key of KMS for each client')
    .option('--redis-nodes <count>', 'nodes of Redis', number, 1)
    .option('--saving <percent>', 'of calls, as measured', percent)
    .option('--key-price <usd>', 'a key of KMS for a month', number, listPrices.keyMonth)
    .option('--calls-price <usd>', '10,000 calls of KMS', number, listPrices.calls10k)
    .option('--free-calls <count>', 'calls of KMS in a month that cost nothing', number, listPrices.freeCalls)
    .option('--redis-price <usd>', 'a node of Redis for an hour', number, listPrices.redisNodeHour)
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action((options: CostOptions) => {
      const prices = pricesIn(options);
      const usage = usageIn(options);
      const cost = costOf(usage, prices);
      show(context, options, { ...cost, usage, prices, pricesOf }, () => costText(cost));
    });
}

function usageIn({
  clients,
  operations,
  instances,
  ownKeys = false,
  redisNodes,
  saving,
}: CostOptions): Usage {
  return { clients, operationsADay: operations, instances, ownKeys, redisNodes, keyLifeSeconds, saving };
}

function pricesIn({ keyPrice, callsPrice, freeCalls, redisPrice }: CostOptions): Prices {
  return { keyMonth: keyPrice, calls10k: callsPrice, freeCalls, redisNodeHour: redisPrice };
}

function costText({ lines, usd, usdWithoutCache }: Cost): string {
  const rows = [...lines, { what: 'Together', how: '', usd }].map((line) => [
    line.what,
    line.usd.toFixed(2),
    line.how,
  ]);
  const table = columns(['WHAT', 'USD A MONTH', 'HOW'], rows, '');
  const dates = `Prices unless said: ${pricesOf.kms}; ${pricesOf.redis}.`;
  return `${table}Without keys in memory: ${usdWithoutCache.toFixed(2)} USD a month.\n${dates}\n`;
}

function number(text: string): number {
  if (/^\d{1,12}(?:\.\d{1,6})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number.');
}

function whole(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

function percent(text: string): number {
  const value = number(text);
  if (value <= 100) return value / 100;
  throw new InvalidArgumentError('It must be a number from 0 to 100.');
}
