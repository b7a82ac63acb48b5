import type { Sealer } from '../../keys/sealer.ts';
import { refuse, type Refusal } from '../../refusal.ts';
import { within } from '../../store/within.ts';
import { sameHash } from '../../tlog/hash.ts';
import { sealBatch, tailAfter, type Batch, type Tail } from '../batch.ts';
import type { ChainWriter } from '../chain-writer.ts';
import { bytesIn } from '../log/dynamodb/items.ts';
import type { LogTable } from '../log/dynamodb/log-table.ts';
import { batchItem } from './batch-items.ts';
import { trimItems } from './trim-items.ts';
import { reached } from './batch-rows.ts';

// One conditional Put a batch: a number is given away once, whoever asks. A request that was given up may still arrive, any
// time later, so a batch whose fate is unknown is put again, the same bytes at the same number, until it stands: nothing else
// is ever put there by this process. What stands there and is another one was put by somebody else, and then this writer has
// lost: it never writes again.

/** What a chain is written with. */
export interface DynamoChainTools {
  readonly table: LogTable;
  readonly sealer: Sealer;
  /** A put that takes longer has failed. */
  readonly deadlineMs: number;
  /** Told once when somebody else writes this chain. */
  readonly lost: () => void;
}

/** Go on with the chain where `start` ends it. */
export function dynamoChain({ table, sealer, deadlineMs, lost }: DynamoChainTools, start: Tail): ChainWriter {
  let tail = start;
  let suspect: Batch | undefined;
  let isLost = false;
  const put = async (batch: Batch): Promise<void> => {
    if (isLost) throw forked();
    const there = await within(deadlineMs, reached(table.put(batchItem(batch), 'absent')));
    if (there !== undefined && !sameHash(bytesIn(there, 'digest'), batch.digest)) {
      isLost = true;
      lost();
      throw forked();
    }
    suspect = undefined;
    tail = tailAfter(batch);
  };
  return {
    tail: () => tail,
    readable: () => tail,
    devices: () => [],
    async write(lines) {
      const batch = await sealBatch(sealer, tail, lines);
      if (suspect !== undefined) throw new Error('recover first');
      suspect = batch;
      await put(batch);
    },
    async recover() {
      if (suspect === undefined) return false;
      await put(suspect);
      return true;
    },
    async trim({ mark }) {
      if (isLost) return false;
      await trimItems(table, mark);
      return true;
    },
    close: async () => undefined,
  };
}

function forked(): Refusal {
  const detail = 'another process goes on with it';
  return refuse('journal_broken', 'the audit journal does not continue where it ended', detail);
}
