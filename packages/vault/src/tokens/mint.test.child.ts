import { countedKeys } from './fixtures/test-manager.ts';
import { SecureTokenManager } from './secure-token-manager.ts';

// An instance in a process of its own. It tells when it is connected, and answers each question of its parent.

/** What it works with. */
interface Told {
  readonly url: string;
  readonly prefix: string;
  readonly key: string;
  readonly directory: string;
  /** Answers with the next token; whoever asks has made one. */
  readonly bank: string;
}

/** How many callers ask for a token at once. */
interface Question {
  readonly callers: number;
}

const { url, prefix, key, directory, bank } = JSON.parse(process.argv[2] ?? '') as Told;
const manager = new SecureTokenManager({
  redis: { url },
  prefix,
  provider: countedKeys(key),
  audit: { directory },
  service: `process-${process.pid}`,
  claimSeconds: 1.5,
});
await manager.connect();
process.on('message', ({ callers }: Question) => {
  const mint = async (): Promise<string> => (await fetch(bank)).text();
  const calls = Array.from({ length: callers }, () => manager.getOrCreate('client-1', 'stripe', mint));
  Promise.all(calls).then(
    (tokens) => process.send?.({ tokens: [...new Set(tokens)] }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.once('disconnect', () => void manager.disconnect());
process.send?.('connected');
