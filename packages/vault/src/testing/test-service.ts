// Real services for tests. Who starts them, and where, is the business of whoever runs the tests: they name an address
// to ask in `SEALGATE_TEST_SERVICES`.

/**
 * Where a service answers. `undefined` when this machine cannot have it: its tests are left out, and that is said on
 * standard output.
 *
 * @throws Error when it is missing on a continuous-integration machine (`CI=true`): there nothing may be left out
 */
export async function testService(name: 'dynamodb' | 'redis'): Promise<string | undefined> {
  const asked = process.env['SEALGATE_TEST_SERVICES'];
  if (asked === undefined) throw new Error('SEALGATE_TEST_SERVICES is not set: run the tests with vitest');
  const answer = await fetch(`${asked}/${name}`);
  const service = (await answer.json()) as { readonly endpoint?: string; readonly missing?: string };
  if (service.endpoint !== undefined) return service.endpoint;
  const missing = service.missing ?? `${name} is missing`;
  if (process.env['CI'] === 'true') throw new Error(missing);
  console.log(`skipped: ${missing}`);
  return undefined;
}
