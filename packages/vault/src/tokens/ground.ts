import type { Audit } from '../audit/audit.ts';
import type { KeyProvider } from '../keys/provider.ts';
import type { Refusal } from '../refusal.ts';
import type { Bus } from '../store/bus.ts';
import type { Records } from '../store/records.ts';
import type { RedisAddress } from '../store/redis/address.ts';
import { redisBus } from '../store/redis/bus.ts';
import { redisRecords } from '../store/redis/records.ts';
import { openRedis, type RedisServer } from '../store/redis/server.ts';
import { openAuditDirectory } from './audit-directory.ts';
import { auditDirectoryIn, environment, kmsIn, redisIn, serviceIn, type KmsAddress } from './environment.ts';
import { openKeyService } from './key-service.ts';
import { checkedText } from './checked.ts';
import type { TokenGround } from './opened-manager.ts';

/** What a token manager stands on; what is left out is opened from the environment, and closed with it. */
export interface GroundOptions {
  /** An address, or a connection (`openRedis`) that others use too and that stays open. Not with `records`. */
  readonly redis?: RedisAddress | RedisServer | undefined;
  /** Put before every key of Redis; `sealgate:` when not given. */
  readonly prefix?: string | undefined;
  /** Another store than Redis. */
  readonly records?: Records | undefined;
  /** Reaches the other instances; with `records` only. `undefined` there: they are heard by looking. */
  readonly bus?: Bus | undefined;
  /** Another key service than AWS KMS. */
  readonly provider?: KeyProvider | undefined;
  /** Which key of AWS KMS, and where. */
  readonly kms?: KmsAddress | undefined;
  /** A journal that others write too, or a directory for one of its own. */
  readonly audit?: Audit | { readonly directory: string } | undefined;
  /** Told when the journal could not be written. */
  readonly warn?: ((refusal: Refusal) => void) | undefined;
  /** Owner of what is stored, and actor in the entries of what is read; `SERVICE_NAME`, else `sealgate`, when not given. */
  readonly service?: string | undefined;
  /** Milliseconds since 1970; the system's clock when not given. */
  readonly now?: (() => number) | undefined;
}

/** A ground that was opened. */
export interface OpenedGround extends TokenGround {
  /** Who stores and reads. */
  readonly service: string;
  close(): Promise<void>;
}

/**
 * Open what was left out.
 *
 * @throws Refusal `store_unavailable`, `store_insecure`, `key_unavailable`, `data_directory_unsafe`, `journal_broken`,
 *   `audit_unavailable`
 */
export async function openGround(options: GroundOptions): Promise<OpenedGround> {
  const { now = Date.now, warn = () => undefined } = options;
  const set = environment();
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).toReversed()) await end();
  };
  try {
    const service = checkedText('the name of a service', options.service ?? serviceIn(set));
    const provider = options.provider ?? (await openKeyService(options.kms ?? kmsIn(set), service));
    if (options.provider === undefined) closing.push(() => provider.close());
    const store = await openStore(options, () => redisIn(set), now);
    closing.push(store.close);
    const { audit } = options;
    if (audit !== undefined && 'record' in audit) return { ...store, provider, audit, service, close };
    const directory = audit?.directory ?? auditDirectoryIn(set);
    const opened = await openAuditDirectory({ directory, provider, now, warn });
    closing.push(opened.close);
    return { ...store, provider, audit: opened.audit, service, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface OpenedStore extends Pick<TokenGround, 'records' | 'bus'> {
  close(): Promise<void>;
}

async function openStore(
  { records, bus, redis, prefix }: GroundOptions,
  fromEnvironment: () => RedisAddress,
  now: () => number,
): Promise<OpenedStore> {
  if (records !== undefined) return { records, bus, close: async () => undefined };
  const given = redis ?? fromEnvironment();
  const isOurs = !('send' in given);
  const server = isOurs ? await openRedis(given) : given;
  const end = async (): Promise<void> => void (isOurs && (await server.close()));
  try {
    const news = await redisBus(server, { prefix });
    const opened = redisRecords(server, { now, prefix });
    const close = async (): Promise<void> => {
      await opened.close();
      await news.close();
      await end();
    };
    return { records: opened, bus: news, close };
  } catch (error) {
    await end();
    throw error;
  }
}
