// Decides whether an expression carries a secret.
import ts from 'typescript';
import { bare, propertyOf, textsOf, unknown, type Trees } from './source-trees.ts';

/** Why an expression counts as secret. */
export interface Reason {
  readonly level: 'warn' | 'fail';
  /** Begins a sentence. */
  readonly what: string;
}

const words = new Set(
  'secret secrets password passwords passwd passphrase token tokens apikey apikeys authorization cookie cookies bearer credential credentials plaintext jwt'.split(
    ' ',
  ),
);
const pairs = /(api|private|master|root|encryption|signing|secret|access) keys?$/;
// What says something about a secret without being one.
const about = new Set(
  `id ids name names count length type types kind hash digest version at ms seconds expiry endpoint path paths file files ref epoch
  placement max min present missing invalid required scheme state status index provider store table spec schema error code codes
  limit ttl size header field label set fields rules key keys from of in on off`.split(/\s+/),
);
const aboutFirst = new Set(
  'is has no needs with without max min progress cancel next page continuation input output total prompt usage csrf'.split(
    ' ',
  ),
);
const carriers = new Set('value text raw plaintext bytes data buffer contents'.split(' '));
const containers = new Set('headers rawHeaders env cookies credentials secrets'.split(' '));
const perhaps = new Set('body config request req'.split(' '));
const keeps = new Set(
  'toString toJSON slice subarray trim padEnd padStart split join concat replace replaceAll at toUpperCase toLowerCase valueOf substring repeat normalize reverse map filter flat'.split(
    ' ',
  ),
);
const converts =
  /^(String|stringify|inspect|format|from|btoa|atob|encodeURIComponent|encodeURI|values|entries|assign|structuredClone|fromEntries|concat|Buffer|decode|encode)$/;
const gives = /^(get|read|fetch|load|open|reveal|decrypt|mint|issue|generate|make|create)$/;

/** Whether a name is one that a secret has. `tokenCount`, `credentialId` and `progressToken` are not. */
export function isSecretName(name: string): boolean {
  const parts = name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((part) => part !== '');
  const last = parts.at(-1) ?? '';
  if (aboutFirst.has(parts[0] ?? '')) return false;
  if (pairs.test(parts.join(' '))) return true;
  return (
    words.has(last) ||
    (!about.has(last) &&
      parts.slice(0, -1).some((part) => words.has(part)) &&
      /^(value|text|raw|bytes|data|buffer|string|plain)$/.test(last))
  );
}

/** @returns why `expression` carries a secret; `undefined` when nothing says so */
export function secretIn(trees: Trees, expression: ts.Expression, depth = 0): Reason | undefined {
  const node = bare(expression);
  const first = (nodes: readonly ts.Expression[]): Reason | undefined =>
    nodes.reduce<Reason | undefined>((found, next) => found ?? secretIn(trees, next, depth + 1), undefined);
  if (depth > 12) return undefined;
  if (ts.isIdentifier(node)) return secretName(trees, node, depth);
  if (ts.isPropertyAccessExpression(node))
    return secretProperty(trees, node.expression, [node.name.text], depth);
  if (ts.isElementAccessExpression(node))
    return secretProperty(trees, node.expression, textsOf(trees, node.argumentExpression), depth);
  if (ts.isTemplateExpression(node)) return first(node.templateSpans.map((span) => span.expression));
  if (ts.isSpreadElement(node)) return first([node.expression]);
  if (ts.isConditionalExpression(node)) return first([node.whenTrue, node.whenFalse]);
  if (ts.isArrayLiteralExpression(node)) return first(node.elements);
  if (ts.isObjectLiteralExpression(node)) return secretObject(trees, node, depth);
  if (ts.isBinaryExpression(node))
    return /^(\+|\?\?|\|\||&&|,|=)$/.test(node.operatorToken.getText()) ? first(sides(node)) : undefined;
  if (ts.isCallExpression(node)) return secretCall(trees, node, depth);
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) return first([node.body]);
  return undefined;
}

function sides(node: ts.BinaryExpression): readonly ts.Expression[] {
  return node.operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken
    ? [node.right]
    : [node.left, node.right];
}

function secretName(trees: Trees, node: ts.Identifier, depth: number): Reason | undefined {
  const declaration = trees.declarationOf(node);
  const from = declaration === undefined ? undefined : secretDeclaration(trees, declaration, depth);
  if (from !== undefined) return from;
  if (containers.has(node.text) && !isPlain(declaration))
    return { level: 'fail', what: `all of ${node.text}` };
  if (perhaps.has(node.text)) return { level: 'warn', what: `all of ${node.text}` };
  return isSecretName(node.text) && !isPlain(declaration) ? { level: 'fail', what: node.text } : undefined;
}

/** A constant whose value stands in the source, a function or a type: its name does not make it a secret. */
function isPlain(declaration: ts.Declaration | undefined): boolean {
  if (declaration === undefined) return false;
  if (ts.isFunctionDeclaration(declaration) || ts.isClassDeclaration(declaration)) return true;
  if (!ts.isVariableDeclaration(declaration) || declaration.initializer === undefined) return false;
  return isHarmless(bare(declaration.initializer));
}

function secretDeclaration(trees: Trees, declaration: ts.Declaration, depth: number): Reason | undefined {
  if (ts.isBindingElement(declaration)) {
    const name = propertyOf(declaration);
    return isSecretName(name) || containers.has(name) ? { level: 'fail', what: name } : undefined;
  }
  if (!ts.isVariableDeclaration(declaration)) return undefined;
  if (declaration.initializer !== undefined) return secretIn(trees, declaration.initializer, depth + 1);
  const loop = declaration.parent.parent;
  return ts.isForOfStatement(loop) ? secretIn(trees, loop.expression, depth + 1) : undefined;
}

function secretProperty(
  trees: Trees,
  owner: ts.Expression,
  names: readonly string[],
  depth: number,
): Reason | undefined {
  for (const name of names) {
    if (isSecretName(name)) return { level: 'fail', what: name };
    if (containers.has(name)) return { level: 'fail', what: `all of ${name}` };
    if (perhaps.has(name)) return { level: 'warn', what: `all of ${name}` };
    if (carriers.has(name) || name === unknown || /^\d+$/.test(name))
      return secretIn(trees, owner, depth + 1);
  }
  return undefined;
}

function secretObject(trees: Trees, node: ts.ObjectLiteralExpression, depth: number): Reason | undefined {
  for (const property of node.properties) {
    if (ts.isSpreadAssignment(property)) {
      const spread = bare(property.expression);
      const named =
        ts.isIdentifier(spread) && /^(credential|connection|session|grant|secret)s?$/i.test(spread.text);
      const found = secretIn(trees, property.expression, depth + 1);
      if (found !== undefined || named) return found ?? { level: 'fail', what: `all of ${spread.getText()}` };
    } else if (ts.isShorthandPropertyAssignment(property)) {
      const found = secretName(trees, property.name, depth);
      if (found !== undefined) return found;
    } else if (ts.isPropertyAssignment(property)) {
      const name = ts.isComputedPropertyName(property.name)
        ? textsOf(trees, property.name.expression)[0]
        : property.name.getText().replaceAll(/['"]/g, '');
      const value = bare(property.initializer);
      if (isSecretName(name ?? '') && !isHarmless(value)) return { level: 'fail', what: name ?? '' };
      const found = secretIn(trees, value, depth + 1);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** A literal, a comparison or a negation: it says something about a secret at most. */
function isHarmless(node: ts.Expression): boolean {
  if (
    ts.isStringLiteralLike(node) ||
    ts.isNumericLiteral(node) ||
    ts.isPrefixUnaryExpression(node) ||
    ts.isTypeOfExpression(node)
  )
    return true;
  if (ts.isRegularExpressionLiteral(node) || ts.isArrowFunction(node) || ts.isFunctionExpression(node))
    return true;
  if (ts.isPropertyAccessExpression(node)) return /^(length|size|byteLength)$/.test(node.name.text);
  if (ts.isBinaryExpression(node))
    return /^([!=]==?|[<>]=?|in|instanceof)$/.test(node.operatorToken.getText());
  if (ts.isConditionalExpression(node))
    return isHarmless(bare(node.whenTrue)) && isHarmless(bare(node.whenFalse));
  if (ts.isCallExpression(node))
    return /^(redact|mask|scrub|hash|digest|fingerprint|Boolean|Number|Symbol|Set|is[A-Z]\w*|has[A-Z]?\w*)$/.test(
      calledName(node),
    );
  if (ts.isNewExpression(node)) return /^(Set|Map|WeakMap|WeakSet|RegExp)$/.test(node.expression.getText());
  return [ts.SyntaxKind.TrueKeyword, ts.SyntaxKind.FalseKeyword, ts.SyntaxKind.NullKeyword].includes(
    node.kind,
  );
}

function calledName(node: ts.CallExpression): string {
  const callee = bare(node.expression);
  return ts.isPropertyAccessExpression(callee)
    ? callee.name.text
    : ts.isIdentifier(callee)
      ? callee.text
      : '';
}

function secretCall(trees: Trees, node: ts.CallExpression, depth: number): Reason | undefined {
  const name = calledName(node);
  const callee = bare(node.expression);
  if (isHarmless(node)) return undefined;
  if (name === 'reveal') return { level: 'fail', what: node.getText() };
  const [verb = '', ...rest] = name.replaceAll(/([a-z\d])([A-Z])/g, '$1 $2').split(' ');
  if (gives.test(verb) && rest.length > 0 && isSecretName(rest.join('_')))
    return { level: 'fail', what: `what ${name} gives` };
  if (keeps.has(name) && ts.isPropertyAccessExpression(callee)) {
    const found = secretIn(trees, callee.expression, depth + 1);
    if (found !== undefined) return found;
  }
  if (
    name === 'get' &&
    node.arguments[0] !== undefined &&
    textsOf(trees, node.arguments[0]).some(isSecretName)
  )
    return { level: 'fail', what: textsOf(trees, node.arguments[0]).join() };
  if (!converts.test(name) && !keeps.has(name)) return undefined;
  return node.arguments.reduce<Reason | undefined>(
    (found, next) => found ?? secretIn(trees, next, depth + 1),
    undefined,
  );
}
