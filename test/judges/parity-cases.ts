import assert from 'node:assert/strict';
import { parity, withoutStatus, type Difference, type Plan } from '../parity.ts';
import type { ParityStage } from './parity-stage.ts';

// The same questions straight and through the gateway; every answer has to be the same, errors and their data included.

/** One comparison. */
export interface ParityCase {
  readonly name: string;
  run(stage: ParityStage): Promise<string>;
}

const thought = { thought: 'a thought', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 };
const thinking: Plan = {
  calls: [
    { name: 'sequentialthinking', arguments: thought },
    { name: 'sequentialthinking', arguments: { ...thought, thoughtNumber: 'x' } },
  ],
  // It counts what it was told, and one side is told first.
  settle: (_question, answer) =>
    JSON.parse(JSON.stringify(answer).replaceAll(/(thoughtHistoryLength\\*": ?)\d+/g, '$10')) as unknown,
};
/** Times and loads differ from one moment to the next, and may be whole numbers; what they are called does not. */
const moving: Plan = {
  calls: [{ name: 'get-time' }, { name: 'get-system-info' }, { name: 'poll-system-stats' }],
  settle: (question, answer) =>
    question.startsWith('call')
      ? JSON.parse(JSON.stringify(answer).replaceAll(/\d+(\.\d+)?(e[+-]\d+)?/g, '0'))
      : answer,
};
const conformance: Plan = {
  calls: [
    { name: 'test_simple_text' },
    { name: 'test_image_content' },
    { name: 'test_audio_content' },
    { name: 'test_embedded_resource' },
    { name: 'test_multiple_content_types' },
    { name: 'test_error_handling' },
    { name: 'json_schema_2020_12_tool', arguments: { name: 'x' } },
  ],
  requests: [
    { method: 'resources/read', params: { uri: 'test://static-binary' } },
    { method: 'resources/read', params: { uri: 'test://template/7/data' } },
    { method: 'resources/subscribe', params: { uri: 'test://watched-resource' } },
    { method: 'resources/unsubscribe', params: { uri: 'test://watched-resource' } },
    {
      method: 'prompts/get',
      params: { name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } },
    },
    { method: 'prompts/get', params: { name: 'test_prompt_with_arguments' } },
    {
      method: 'prompts/get',
      params: { name: 'test_prompt_with_embedded_resource', arguments: { resourceUri: 'test://x' } },
    },
    { method: 'prompts/get', params: { name: 'test_prompt_with_image' } },
    {
      method: 'completion/complete',
      params: {
        ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' },
        argument: { name: 'arg1', value: 'p' },
      },
    },
    { method: 'logging/setLevel', params: { level: 'info' } },
    { method: 'server/discover' },
  ],
  progress: { name: 'test_tool_with_progress', arguments: {} },
  // It says the progress token, which differs on each side.
  settle: (question, answer) =>
    question === 'progress'
      ? JSON.parse(JSON.stringify(answer).replaceAll(/"text":"\d+"/g, '"text":"TOKEN"'))
      : withoutStatus(question, answer),
};

const compared: readonly (readonly [pair: string, plan: Plan])[] = [
  ['thinking, legacy era', thinking],
  ['vanillajs, legacy era', moving],
  ['vanillajs-http, legacy era', moving],
  ['monitor, legacy era', moving],
  ['monitor-http, legacy era', moving],
  ['conformance, modern era', conformance],
  ['conformance-http, legacy era', conformance],
  ['conformance-http, modern era', conformance],
];

/** Both answers from where they differ. */
function shownFrom({ question, direct, through }: Difference): string {
  const [one, other] = [JSON.stringify(direct) ?? '', JSON.stringify(through) ?? ''];
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  const from = Math.max(0, at - 40);
  return `${question}\n  direct  ${one.slice(from, from + 240)}\n  through ${other.slice(from, from + 240)}`;
}

/** All of them. */
export const parityCases: readonly ParityCase[] = compared.map(([name, plan]) => ({
  name: `the same answers, ${name}`,
  async run(stage) {
    const pair = stage.pairs.get(name);
    assert.ok(pair !== undefined);
    const [direct, through] = [await pair.direct(), await pair.through()];
    try {
      const differences = await parity(direct, through, plan);
      assert.equal(differences.length, 0, differences.map(shownFrom).join('\n'));
      return 'no difference';
    } finally {
      await Promise.all([direct.close(), through.close()]);
    }
  },
}));
