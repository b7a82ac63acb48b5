import { openBroker } from './broker.ts';

// One of each service for a whole run of tests, started when the first test asks for it and ended with the run.

/** What vitest calls before the first test. @returns what it calls after the last one */
export async function setup(): Promise<() => Promise<void>> {
  const broker = await openBroker();
  // Processes that run tests are started later and inherit it.
  process.env['SEALGATE_TEST_SERVICES'] = broker.url;
  return broker.close;
}
