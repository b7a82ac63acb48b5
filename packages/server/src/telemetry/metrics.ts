import type { IncomingMessage, ServerResponse } from 'node:http';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

/** A number of one of several. */
export interface Observed {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What is counted about calls. Label values come from bounded sets: upstream names, method-table names, outcomes. */
export interface Metrics {
  /** One call ended. */
  called(
    labels: { readonly upstream: string; readonly method: string; readonly outcome: string },
    seconds: number,
  ): void;
  /** One HTTP request was answered. */
  answered(status: number): void;
  /** Read a number whenever somebody scrapes. */
  observe(name: string, description: string, read: () => number): void;
  /** The same of several, told apart by labels from bounded sets. */
  observeEach(name: string, description: string, read: () => readonly Observed[]): void;
  /** Answer a scrape in the Prometheus text form. */
  scrape(request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<void>;
}

const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Metrics of one process, on the OpenTelemetry API with its Prometheus exporter (which opens no port of its own). */
export function openMetrics(): Metrics {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  const meter = provider.getMeter('sealgate');
  const calls = meter.createCounter('sealgate_calls', {
    description: 'Calls by upstream, method and outcome.',
  });
  const durations = meter.createHistogram('sealgate_call_duration_seconds', {
    description: 'Time from a call in to its last byte out.',
    advice: { explicitBucketBoundaries: latencyBuckets },
  });
  const answers = meter.createCounter('sealgate_http_responses', {
    description: 'HTTP answers by status class.',
  });
  return {
    called(labels, seconds) {
      calls.add(1, labels);
      durations.record(seconds, { upstream: labels.upstream });
    },
    answered(status) {
      answers.add(1, { class: `${Math.trunc(status / 100)}xx` });
    },
    observe(name, description, read) {
      meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(read()));
    },
    observeEach(name, description, read) {
      meter.createObservableGauge(name, { description }).addCallback((result) => {
        for (const { value, labels } of read()) result.observe(value, labels);
      });
    },
    scrape: (request, response) => exporter.getMetricsRequestHandler(request, response),
    close: () => provider.shutdown(),
  };
}
