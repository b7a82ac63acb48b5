import { segmentMonthCases } from './contract/segment-months.ts';
import { segmentRowCases } from './contract/segment-rows.ts';
import { segmentStepCases } from './contract/segment-steps.ts';
import type { SegmentsCase } from './contract/segments-case.ts';

/** Every promise of `Segments`, for any test runner: run each case with a function that opens empty storage. */
export const segmentsContract: readonly SegmentsCase[] = [
  ...segmentStepCases,
  ...segmentRowCases,
  ...segmentMonthCases,
];
