import type { Writable } from 'node:stream';

// How long work goes: a bar that is drawn over at a terminal, a line now and then elsewhere. On standard error: results
// alone stand on standard output.

/** What there is to show. */
export interface Step {
  /** In words, such as `copying users`. */
  readonly what: string;
  readonly done: number;
  /** `undefined`: nobody knows. */
  readonly total: number | undefined;
}

/** Shows steps until it is ended. */
export interface ProgressBar {
  show(step: Step): void;
  /** Leave the last line as it is and go on below it. */
  end(): void;
}

const barWidth = 24;
const redrawMs = 100;
const lineEveryMs = 5000;

/** @param ticks milliseconds of a clock that never goes back */
export function progressBar(
  out: Writable & { readonly isTTY?: boolean },
  ticks: () => number = () => performance.now(),
): ProgressBar {
  const drawn = out.isTTY === true;
  let what = '';
  let beganAt = 0;
  let beganWith = 0;
  let shownAt = -Infinity;
  let shown = '';
  let last: string | undefined;
  const lineOf = ({ done, total }: Step): string => {
    const seconds = (ticks() - beganAt) / 1000;
    const rate = seconds < 0.5 ? '' : `, ${Math.round((done - beganWith) / seconds)} a second`;
    if (total === undefined) return done === 0 ? what : `${what}: ${done}${rate}`;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const filled = Math.round(share * barWidth);
    const bar = drawn ? `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ` : '';
    return `${what}: ${bar}${Math.floor(share * 100)} %, ${done} of ${total}${rate}`;
  };
  return {
    show(step) {
      const fresh = step.what !== what;
      if (fresh) {
        if (drawn && last !== undefined) out.write('\n');
        what = step.what;
        beganAt = ticks();
        beganWith = step.done;
      }
      const finished = step.total !== undefined && step.done >= step.total;
      const key = `${what} ${step.done} ${step.total ?? ''}`;
      if (key === shown) return;
      last = lineOf(step);
      if (!fresh && !finished && ticks() - shownAt < (drawn ? redrawMs : lineEveryMs)) return;
      shownAt = ticks();
      shown = key;
      out.write(drawn ? `\r\u001B[2K${last}` : `${last}\n`);
    },
    end() {
      if (drawn && last !== undefined) out.write(`\r\u001B[2K${last}\n`);
      last = undefined;
    },
  };
}
