import { defineConfig } from 'vitest/config';

const conditions = ['@sealgate/source', 'node', 'import', 'default'];

// Tests run from the sources: the `@sealgate/source` condition of every package, no build.
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    globalSetup: ['test/backing/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What shall come is waited for as long as a busy machine may take.
    expect: { poll: { timeout: 15_000 } },
    maxWorkers: 2,
  },
});
