import { fileURLToPath } from 'node:url';
import type { ConformanceCase } from './conformance-cases.ts';
import { judge, type Suite } from './suites.ts';

// The suites' client half: what the gateway does towards upstreams. Their scenarios about authorization judge a client that
// signs in by itself and are left out. `same` fronts speak the era of the suite's server and pass through; with `other` ones
// everything the server sees is the gateway's own.

const driver = fileURLToPath(new URL('../fixtures/conformance-client.ts', import.meta.url));

const scenarios: readonly (readonly [Suite, readonly string[]])[] = [
  ['0.1.16', ['initialize', 'tools_call', 'elicitation-sep1034-client-defaults', 'sse-retry']],
  ['2025-11-25', ['initialize', 'tools_call', 'elicitation-sep1034-client-defaults', 'sse-retry']],
  [
    '2026-07-28',
    [
      'tools_call',
      'request-metadata',
      'sep-2322-client-request-state',
      'http-standard-headers',
      'http-custom-headers',
      'http-invalid-tool-headers',
      'json-schema-ref-no-deref',
    ],
  ],
];

function clientCase(front: 'same' | 'other', suite: Suite, scenario: string): ConformanceCase {
  return {
    name: `conformance ${suite}, client ${scenario}, ${front} era before it`,
    async run({ gateway }) {
      const options = ['--origin', gateway.origin, '--data-dir', gateway.dataDir, '--front', front];
      const command = [process.execPath, '--conditions=@sealgate/source', driver, ...options].join(' ');
      const version = suite === '0.1.16' ? '2025-11-25' : suite;
      const args = ['client', '--command', command, '--scenario', scenario, '--spec-version', version];
      const env = { CONFORMANCE_BEARER: gateway.bearer };
      const judged = await judge({
        suite,
        name: `client-${front}-${scenario}`,
        args: [...args, '--timeout', '20000'],
        env,
      });
      return judged.failed.length === 0 ? '' : 'fails as expected';
    },
  };
}

/** All of them. */
export const clientCases: readonly ConformanceCase[] = scenarios.flatMap(([suite, names]) =>
  (['same', 'other'] as const).flatMap((front) => names.map((name) => clientCase(front, suite, name))),
);
