// Decides whether a guard of the administration always runs before a route's handler.
import ts from 'typescript';
import { bare, chainOf, type Trees } from './source-trees.ts';

/** Functions that turn down whoever is no administrator. */
export const guards: readonly string[] = [
  'requireAdmin',
  'requireAdminSession',
  'requireInitialAccessToken',
  'adminOnly',
];

const hooks = new Set(['onRequest', 'preParsing', 'preValidation', 'preHandler', 'beforeHandler']);

/** Whether a guard stands before the handler at `node`: in it, around it, or in a hook of a scope around it. */
export function isGuarded(trees: Trees, node: ts.Node): boolean {
  if (ts.isCallExpression(node) && node.arguments.some((argument) => guardsHere(trees, argument)))
    return true;
  if (ts.isObjectLiteralExpression(node) && guardsHere(trees, node)) return true;
  if (ts.isPropertyAssignment(node) && guardsHere(trees, node.initializer)) return true;
  if (ts.isIfStatement(node) && beginsWithGuard(trees, node.thenStatement)) return true;
  if (ts.isCaseClause(node) && isGuardStep(trees, node.statements[0])) return true;
  return hookAround(trees, node);
}

/** A guard in an argument: itself, a wrapper, a hook of its options, or the first step of its body. */
function guardsHere(trees: Trees, argument: ts.Expression, depth = 0): boolean {
  const node = bare(argument);
  if (depth > 6) return false;
  if (ts.isSpreadElement(node)) return guardsHere(trees, node.expression, depth + 1);
  if (ts.isArrayLiteralExpression(node))
    return node.elements.some((element) => guardsHere(trees, element, depth + 1));
  if (ts.isObjectLiteralExpression(node)) return guardsInOptions(trees, node, depth);
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) return beginsWithGuard(trees, node.body);
  if (isGuardName(trees, node)) return true;
  if (ts.isCallExpression(node)) return isGuardName(trees, node.expression);
  if (!ts.isIdentifier(node)) return false;
  const declaration = trees.declarationOf(node);
  if (declaration === undefined) return false;
  if (ts.isFunctionDeclaration(declaration)) return beginsWithGuard(trees, declaration.body);
  if (!ts.isVariableDeclaration(declaration) || declaration.initializer === undefined) return false;
  return guardsHere(trees, declaration.initializer, depth + 1);
}

/** The last word counts: a hook after the guard's replaces it, and so may a spread of something unknown. */
function guardsInOptions(trees: Trees, node: ts.ObjectLiteralExpression, depth: number): boolean {
  let guarded = new Set<string>();
  for (const property of node.properties) {
    if (ts.isSpreadAssignment(property)) {
      const spread = resolved(trees, property.expression);
      if (spread === undefined) guarded = new Set();
      else if (guardsInOptions(trees, spread, depth + 1)) guarded.add('spread');
      for (const name of spread === undefined ? [] : hooksOf(spread))
        if (!guardsInOptions(trees, spread ?? node, depth + 1)) guarded.delete(name);
      continue;
    }
    const name = property.name.getText();
    if (!hooks.has(name) && name !== 'handler') continue;
    const value = ts.isPropertyAssignment(property)
      ? property.initializer
      : ts.isShorthandPropertyAssignment(property)
        ? property.name
        : undefined;
    if (value !== undefined && guardsHere(trees, value, depth + 1)) guarded.add(name);
    else if (hooks.has(name)) guarded.delete(name).valueOf();
    if (hooks.has(name) && !guarded.has(name)) guarded.delete('spread');
  }
  return guarded.size > 0;
}

function hooksOf(node: ts.ObjectLiteralExpression): string[] {
  return node.properties.map((property) => property.name?.getText() ?? '').filter((name) => hooks.has(name));
}

function resolved(trees: Trees, expression: ts.Expression): ts.ObjectLiteralExpression | undefined {
  const node = bare(expression);
  if (ts.isObjectLiteralExpression(node)) return node;
  const declaration = ts.isIdentifier(node) ? trees.declarationOf(node) : undefined;
  if (
    declaration === undefined ||
    !ts.isVariableDeclaration(declaration) ||
    declaration.initializer === undefined
  )
    return undefined;
  return resolved(trees, declaration.initializer);
}

function isGuardName(trees: Trees, node: ts.Expression): boolean {
  const inner = bare(node);
  if (ts.isConditionalExpression(inner) || ts.isBinaryExpression(inner)) return false;
  const chain = chainOf(trees, inner).filter((part) => part !== '()');
  return guards.includes(chain.at(-1) ?? '');
}

function beginsWithGuard(trees: Trees, body: ts.Node | undefined): boolean {
  if (body === undefined) return false;
  if (!ts.isBlock(body)) return isGuardStep(trees, body);
  return (
    body.statements.slice(0, 1).some((statement) => isGuardStep(trees, statement)) || hooksFirst(trees, body)
  );
}

/** `requireAdmin(request)` or `await requireAdmin(request)` as a statement. */
function isGuardStep(trees: Trees, statement: ts.Node | undefined): boolean {
  const step =
    statement !== undefined && (ts.isExpressionStatement(statement) || ts.isReturnStatement(statement))
      ? statement.expression
      : statement;
  if (step === undefined || !ts.isExpression(step as ts.Node)) return false;
  const call = bare(step as ts.Expression);
  return ts.isCallExpression(call) && isGuardName(trees, call.expression);
}

/** `addHook('onRequest', requireAdmin)` among the statements of a block, not behind a condition. */
function hooksFirst(trees: Trees, block: ts.Block | ts.SourceFile): boolean {
  return block.statements.some((statement) => {
    const call = ts.isExpressionStatement(statement) ? bare(statement.expression) : undefined;
    if (call === undefined || !ts.isCallExpression(call)) return false;
    const [hook, guard] = call.arguments;
    const name = chainOf(trees, call.expression).at(-1);
    if (name === 'use' && hook !== undefined && guard === undefined) return isGuardName(trees, hook);
    return (
      name === 'addHook' &&
      hook !== undefined &&
      hooks.has(hook.getText().slice(1, -1)) &&
      guard !== undefined &&
      guardsHere(trees, guard)
    );
  });
}

/** A plugin around the route that adds the guard as a hook. */
function hookAround(trees: Trees, node: ts.Node): boolean {
  for (let scope: ts.Node | undefined = node.parent; scope !== undefined; scope = scope.parent)
    if ((ts.isBlock(scope) || ts.isSourceFile(scope)) && hooksFirst(trees, scope)) return true;
  return false;
}
