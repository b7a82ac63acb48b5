import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMetrics } from './metrics.ts';

describe('metrics', () => {
  const metrics = openMetrics();
  const server = createServer((request, response) => metrics.scrape(request, response));
  let url = '';

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  });
  afterAll(async () => {
    server.close();
    await metrics.close();
  });

  it('are scraped in the Prometheus text form', async () => {
    metrics.called({ upstream: 'shop', method: 'tools/call', outcome: 'success' }, 0.02);
    metrics.answered(204);
    metrics.observe('sealgate_children', 'Children alive.', () => 3);
    const labels = { device: 'second', state: 'ok' };
    metrics.observeEach('sealgate_audit_devices', 'Devices.', () => [{ labels, value: 1 }]);
    const text = await (await fetch(url)).text();
    expect(text).toMatch(/^sealgate_calls_total\{.*method="tools\/call".*\} 1$/m);
    expect(text).toMatch(/^sealgate_call_duration_seconds_bucket\{.*le="0.025".*\} 1$/m);
    expect(text).toMatch(/^sealgate_http_responses_total\{.*class="2xx".*\} 1$/m);
    expect(text).toMatch(/^sealgate_audit_devices\{.*device="second".*state="ok".*\} 1$/m);
    expect(text).toMatch(/^sealgate_children(?:\{.*\})? 3$/m);
  });
});
