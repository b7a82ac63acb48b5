// Looks for routes of the administration that nothing guards. It goes by the path, not by the router: whatever the router
// is called and however it is reached, a path under /admin that is given to something with a handler is a route.
// A guard counts when it always runs before the handler: in a hook of the route or of the plugin around it, as a wrapper
// of the handler, or as the handler's first step. A guard behind a condition, or in a list that a spread may replace, does not.
import ts from 'typescript';
import { finding, type Finding } from './finding.ts';
import { isGuarded, guards } from './admin-guards.ts';
import { bare, chainOf, nodesOf, textsOf, unknown, type Trees } from './source-trees.ts';

const adminPath = /^(https?:\/\/[^/]+)?\/(api\/|v\d+\/|\*\/)?admin(?![\w-])/i;
const routeMethods = new Set([
  'get',
  'post',
  'put',
  'patch',
  'delete',
  'head',
  'options',
  'all',
  'any',
  'route',
  'use',
  'on',
  'handle',
  'register',
  'mount',
  unknown,
]);
// Names of what a client sends; anything else beside a path may be a handler.
const sent = /(body|data|payload|options|params|init|json|message)$/i;
const pathKeys = new Set(['url', 'path', 'prefix', 'pathname']);

/** Every route of the administration without a guard, and every administration that listens on the network. */
export function scanAdminAuth(trees: Trees): Finding[] {
  return trees.files.flatMap((file) =>
    [...nodesOf(file)].flatMap((node) => [...judgeRoute(trees, node), ...judgeListener(trees, node)]),
  );
}

function judgeRoute(trees: Trees, node: ts.Node): Finding[] {
  if (ts.isCallExpression(node)) return judgeCall(trees, node);
  if (ts.isObjectLiteralExpression(node)) return judgeDescription(trees, node);
  if (ts.isIfStatement(node)) return judgeBranch(trees, node);
  if (ts.isCaseClause(node) && isAdmin(trees, node.expression) && answers(node) && !isGuarded(trees, node))
    return [finding('fail', node, unguarded)];
  return [];
}

const unguarded = `a route of the administration without a guard (${guards.join(', ')})`;

function judgeCall(trees: Trees, node: ts.CallExpression): Finding[] {
  if (node.arguments.length < 1) return [];
  const applied = appliedArguments(trees, node);
  const [path, ...rest] = applied.given;
  if (path === undefined || rest.length === 0 || !routeMethods.has(applied.method)) return [];
  if (applied.method === 'register') return judgePlugin(trees, node, path, rest);
  const under = isAdmin(trees, path) || (applied.inAdmin && !isLiteral(trees, path));
  if (!under || !rest.some((argument) => isHandler(trees, argument))) return [];
  return isGuarded(trees, node) ? [] : [finding('fail', node, unguarded)];
}

/** A plugin under an administration's prefix guards itself; whether one of another file does cannot be seen from here. */
function judgePlugin(
  trees: Trees,
  node: ts.CallExpression,
  plugin: ts.Expression,
  options: readonly ts.Expression[],
): Finding[] {
  const prefixed = options
    .map(bare)
    .filter((option) => ts.isObjectLiteralExpression(option))
    .flatMap((option) => option.properties.filter((property) => ts.isPropertyAssignment(property)))
    .some((property) => pathKeys.has(property.name.getText()) && isAdmin(trees, property.initializer));
  if (!prefixed || isGuarded(trees, node)) return [];
  const inline = ts.isArrowFunction(bare(plugin)) || ts.isFunctionExpression(bare(plugin));
  return [finding(inline ? 'fail' : 'warn', node, unguarded)];
}

/** The method that a call reaches and what it is given, through `call`, `apply` and `Reflect.apply`. */
function appliedArguments(
  trees: Trees,
  node: ts.CallExpression,
): { method: string; given: readonly ts.Expression[]; inAdmin: boolean } {
  const chain = chainOf(trees, node.expression);
  const last = chain.at(-1) ?? '';
  const inAdmin =
    /\/admin\//.test(node.getSourceFile().fileName) && last !== 'on' && last !== 'get' && last !== 'delete';
  if (last === 'call' || last === 'apply') {
    const reflected = chain.at(-2) === 'Reflect' ? node.arguments[0] : undefined;
    const method = (reflected === undefined ? chain : [...chainOf(trees, reflected), '']).at(-2) ?? '';
    return { method, given: flat(node.arguments.slice(reflected === undefined ? 1 : 2)), inAdmin };
  }
  return {
    method: last,
    given: flat(node.arguments),
    inAdmin: inAdmin && /^(post|put|patch|route|\*)$/.test(last),
  };
}

/** `f(...[a, b])` and `f.apply(x, [a, b])` as `a, b`. */
function flat(given: readonly ts.Expression[]): readonly ts.Expression[] {
  return given.flatMap((argument) => {
    const inner = bare(ts.isSpreadElement(argument) ? argument.expression : argument);
    return ts.isArrayLiteralExpression(inner) && inner.elements.length > 1 ? inner.elements : [argument];
  });
}

function isAdmin(trees: Trees, path: ts.Expression): boolean {
  return textsOf(trees, path).some((text) => adminPath.test(text));
}

function isLiteral(trees: Trees, path: ts.Expression): boolean {
  return !textsOf(trees, path).some((text) => text.startsWith(unknown));
}

/** A function, or a name for one: not the body that a client would send. */
function isHandler(trees: Trees, argument: ts.Expression): boolean {
  const node = bare(argument);
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) return true;
  if (ts.isObjectLiteralExpression(node)) return hasProperty(node, 'handler') || hasProperty(node, 'prefix');
  if (ts.isPropertyAccessExpression(node)) return !sent.test(node.name.text);
  if (ts.isCallExpression(node)) return !/(stringify|fetch)$/.test(node.expression.getText());
  if (!ts.isIdentifier(node)) return false;
  const declaration = trees.declarationOf(node);
  if (
    declaration !== undefined &&
    ts.isVariableDeclaration(declaration) &&
    declaration.initializer !== undefined
  )
    return isHandler(trees, declaration.initializer);
  return !sent.test(node.text);
}

function hasProperty(node: ts.ObjectLiteralExpression, name: string): boolean {
  return node.properties.some((property) => property.name?.getText() === name);
}

/** `{ url: '/admin/x', handler }` and `{ '/admin/x': handler }`: rows of a table of routes. */
function judgeDescription(trees: Trees, node: ts.ObjectLiteralExpression): Finding[] {
  const found: Finding[] = [];
  for (const property of node.properties) {
    if (!ts.isPropertyAssignment(property)) continue;
    const key = ts.isComputedPropertyName(property.name)
      ? textsOf(trees, property.name.expression)
      : [property.name.getText().replaceAll(/['"]/g, '')];
    const row = key.some((text) => adminPath.test(text)) && isHandler(trees, property.initializer);
    const described =
      key.some((text) => pathKeys.has(text)) &&
      isAdmin(trees, property.initializer) &&
      hasProperty(node, 'handler');
    if ((row || described) && !isGuarded(trees, row ? property : node))
      found.push(finding('fail', property, unguarded));
  }
  return found;
}

/** `if (path.startsWith('/admin')) { … reply … }` in a server without a router. */
function judgeBranch(trees: Trees, node: ts.IfStatement): Finding[] {
  const compared = [...nodesOf(node.expression)].some(
    (part) => ts.isStringLiteralLike(part) && adminPath.test(part.text),
  );
  return compared && answers(node.thenStatement) && !isGuarded(trees, node)
    ? [finding('fail', node, unguarded)]
    : [];
}

function answers(node: ts.Node): boolean {
  return [...nodesOf(node)].some(
    (part) =>
      ts.isCallExpression(part) &&
      (/\b(res|response|reply)\.(end|send|json|write|writeHead)$/.test(part.expression.getText()) ||
        part.arguments.some((argument) => /^(res|response|reply)$/.test(argument.getText()))),
  );
}

/** The administration is reached through its socket in the data directory, never through a port. */
function judgeListener(trees: Trees, node: ts.Node): Finding[] {
  if (!ts.isCallExpression(node) || !/\/admin\//.test(node.getSourceFile().fileName)) return [];
  const [first] = node.arguments;
  if (chainOf(trees, node.expression).at(-1) !== 'listen' || first === undefined) return [];
  const given = bare(first);
  const port = ts.isObjectLiteralExpression(given)
    ? hasProperty(given, 'port') || hasProperty(given, 'host')
    : /^\d+$/.test(textsOf(trees, given)[0] ?? '') || /port/i.test(given.getText());
  return port ? [finding('fail', node, 'the administration listens on the network')] : [];
}
