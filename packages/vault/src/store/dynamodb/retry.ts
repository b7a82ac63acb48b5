import { randomInt } from 'node:crypto';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

// Which requests are sent again, and when. As the SDK's standard strategy, with one difference: what was spent on a
// request comes back when any answer arrives. For the SDK a lost guard is an error, and a crowd that races while answers
// get lost would use up the budget of everybody.

type Strategy = Exclude<NonNullable<DynamoDBClientConfig['retryStrategy']>, { readonly retry: unknown }>;
type RetryStrategy = Extract<Strategy, { acquireInitialRetryToken: unknown }>;
type RetryToken = Awaited<ReturnType<RetryStrategy['acquireInitialRetryToken']>>;

const attemptsMax = 5;
/** Repeated requests under way at once; when all of DynamoDB fails, not every caller asks five times. */
const budgetMax = 100;
const pauseMs = { lost: 50, throttled: 200 };

interface Token extends RetryToken {
  /** Repeated requests that this one has had. */
  readonly spent: number;
}

/** A strategy of one client: at most five attempts for each request, with random pauses. */
export function boundedRetries(): RetryStrategy {
  let budget = budgetMax;
  const giveBack = (count: number): void => void (budget = Math.min(budgetMax, budget + count));
  return {
    acquireInitialRetryToken: async () => tokenOf(0, 0),
    async refreshRetryTokenForRetry(token, { errorType }) {
      const { spent } = token as Token;
      const answered = errorType === 'CLIENT_ERROR';
      if (answered) giveBack(spent);
      if (answered || spent + 1 >= attemptsMax || budget === 0) throw new Error('not sent again');
      budget -= 1;
      const most = (errorType === 'THROTTLING' ? pauseMs.throttled : pauseMs.lost) * 2 ** spent;
      return tokenOf(spent + 1, randomInt(1, most));
    },
    // One more than was spent: what was given up comes back, too.
    recordSuccess: (token) => giveBack((token as Token).spent + 1),
  };
}

function tokenOf(spent: number, delayMs: number): Token {
  return { spent, getRetryCount: () => spent, getRetryDelay: () => delayMs };
}
