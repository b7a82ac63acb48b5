// Looks for secrets on their way into a log line, a terminal, or the message of an error. A value counts as secret by
// its name (`token`, `apiKey`, `authorization`, …) or by where it comes from (`reveal()`, `process.env`, whole headers),
// followed through constants, destructuring, templates, spreads, conversions and renamed or bound loggers.
import ts from 'typescript';
import { finding, type Finding } from './finding.ts';
import { secretIn, type Reason } from './secret-values.ts';
import { bare, chainOf, nodesOf, type Trees } from './source-trees.ts';

const methods = new Set([
  'log',
  'info',
  'warn',
  'error',
  'debug',
  'trace',
  'fatal',
  'dir',
  'table',
  'child',
  'print',
  '*',
]);
const loggers = /^(console|module:(console|pino)|\w*[lL]og(ger)?s?)$/;
const callbacks = new Set(['forEach', 'map', 'then', 'flatMap', 'tap', 'catch', 'finally']);

/** Every secret that reaches a log or an error. */
export function scanSecretsInLogs(trees: Trees): Finding[] {
  return trees.files.flatMap((file) => [...nodesOf(file)].flatMap((node) => judge(trees, node)));
}

function judge(trees: Trees, node: ts.Node): Finding[] {
  const given = argumentsOfSink(trees, node);
  const found = given.map((argument) => secretIn(trees, argument)).find((reason) => reason !== undefined);
  return found === undefined ? [] : [told(node, found)];
}

function told(node: ts.Node, { level, what }: Reason): Finding {
  return finding(level, node, `${what} reaches a log, a terminal or an error message`);
}

/** The expressions that a node writes out; none when it writes nothing. */
function argumentsOfSink(trees: Trees, node: ts.Node): readonly ts.Expression[] {
  if (ts.isTaggedTemplateExpression(node)) return isSink(chainOf(trees, node.tag)) ? [node.template] : [];
  if (ts.isNewExpression(node)) return isError(chainOf(trees, node.expression)) ? (node.arguments ?? []) : [];
  if (!ts.isCallExpression(node)) return [];
  const chain = chainOf(trees, node.expression);
  if (isSink(chain) || isError(chain)) return node.arguments;
  const [before, last] = [chain.slice(0, -1), chain.at(-1)];
  if (last === 'call' || last === 'apply') return argumentsOfApplied(trees, node, before);
  if (ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === 'bind')
    return isSink(chainOf(trees, node.expression.expression)) ? node.arguments.slice(1) : [];
  if (!callbacks.has(last ?? '') || !ts.isPropertyAccessExpression(node.expression)) return [];
  return node.arguments.some((argument) => isFunction(argument) && isSink(chainOf(trees, argument)))
    ? [node.expression.expression]
    : [];
}

function argumentsOfApplied(
  trees: Trees,
  node: ts.CallExpression,
  before: readonly string[],
): readonly ts.Expression[] {
  if (isSink(before)) return node.arguments.slice(1);
  const [called, , list] = node.arguments;
  if (before.join('.') !== 'Reflect' || called === undefined || list === undefined) return [];
  return isSink(chainOf(trees, called)) ? [list] : [];
}

function isFunction(node: ts.Expression): boolean {
  return (
    ts.isIdentifier(bare(node)) ||
    ts.isPropertyAccessExpression(bare(node)) ||
    ts.isElementAccessExpression(bare(node))
  );
}

function isSink(chain: readonly string[]): boolean {
  const last = chain.at(-1) ?? '';
  if (/^(stdout|stderr)$/.test(chain.at(-2) ?? '') && (last === 'write' || last === '*')) return true;
  if (chain.length === 1) return /^(log|logger|print)$/.test(last);
  return methods.has(last) && chain.slice(0, -1).some((part) => loggers.test(part));
}

function isError(chain: readonly string[]): boolean {
  return /(^refuse|Error|^Refusal)$/.test(chain.at(-1) ?? '') && !chain.includes('()');
}
