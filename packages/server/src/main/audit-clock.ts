// Times in the log are those of the wall clock, which may be set. Against a clock that only goes forward a jump shows.

/** A watch on the clock. */
export interface ClockWatch {
  /** Compare the clocks now. */
  look(): void;
  close(): void;
}

/** What it compares. */
export interface ClockParts {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds since any moment; goes forward alone. */
  readonly steadyMs: () => number;
  /** Told of a jump, in milliseconds; less than 0: back. */
  readonly told: (stepMs: number) => void;
}

const everyMs = 5000;
/** Less than that is what a clock is corrected by in one go, or a process that was not given the processor. */
const stepMsMin = 3000;

/** Watch it from now on. A machine that slept looks like a clock that was put forward. */
export function watchClock({ now, steadyMs, told }: ClockParts): ClockWatch {
  let apartMs = now() - steadyMs();
  const look = (): void => {
    const apartNowMs = now() - steadyMs();
    const stepMs = apartNowMs - apartMs;
    if (Math.abs(stepMs) < stepMsMin) return;
    apartMs = apartNowMs;
    told(stepMs);
  };
  const timer = setInterval(look, everyMs).unref();
  return { look, close: () => clearInterval(timer) };
}
