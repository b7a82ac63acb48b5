// Parses sources with TypeScript's compiler and follows a name to where its value comes from: through constants,
// destructuring, imports, `bind`, `require` and dynamic `import`. The scanners judge what a call really reaches.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import ts from 'typescript';

/** Parsed files whose names can be followed. */
export interface Trees {
  readonly files: readonly ts.SourceFile[];
  /** Where a name was declared: in its own file, by its scope. */
  declarationOf(name: ts.Identifier): ts.Declaration | undefined;
}

/** Parse texts by path. No library and no other file is looked at: names are followed inside one file. */
export function treesOf(texts: ReadonlyMap<string, string>): Trees {
  const parsed = new Map(
    [...texts].map(([path, text]) => [path, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)]),
  );
  const host: ts.CompilerHost = {
    getSourceFile: (path) => parsed.get(path),
    getDefaultLibFileName: () => '',
    getCurrentDirectory: () => '',
    getCanonicalFileName: (path) => path,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (path) => parsed.has(path),
    readFile: () => undefined,
    writeFile: () => undefined,
  };
  const options: ts.CompilerOptions = {
    noLib: true,
    noResolve: true,
    allowJs: true,
    types: [],
    target: ts.ScriptTarget.Latest,
  };
  const checker = ts.createProgram([...parsed.keys()], options, host).getTypeChecker();
  return {
    files: [...parsed.values()],
    declarationOf(name) {
      const symbol = ts.isShorthandPropertyAssignment(name.parent)
        ? checker.getShorthandAssignmentValueSymbol(name.parent)
        : checker.getSymbolAtLocation(name);
      return symbol?.declarations?.[0];
    },
  };
}

/** Parse the product's own sources: what is shipped, without tests, fixtures and contract kits. */
export function productTrees(): Trees {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'packages'], {
    encoding: 'utf8',
  });
  const paths = listed
    .split('\n')
    .filter((path) => /^packages\/[^/]+\/(src|bin)\/.*\.[cm]?[jt]sx?$/.test(path))
    .filter((path) => !/\.test\.|\/fixtures\/|\/testing\/|-contract\.ts$/.test(path) && existsSync(path));
  return treesOf(new Map(paths.map((path) => [path, readFileSync(path, 'utf8')])));
}

const flattened = new WeakMap<ts.Node, readonly ts.Node[]>();

/** Every node below and including `node`, parents first. */
export function nodesOf(node: ts.Node): readonly ts.Node[] {
  const before = flattened.get(node);
  if (before !== undefined) return before;
  const nodes: ts.Node[] = [];
  const visit = (next: ts.Node): void => {
    nodes.push(next);
    ts.forEachChild(next, visit);
  };
  visit(node);
  if (ts.isSourceFile(node)) flattened.set(node, nodes);
  return nodes;
}

/** An expression without the parentheses, assertions and `await` around it. */
export function bare(node: ts.Expression): ts.Expression {
  if (ts.isParenthesizedExpression(node) || ts.isAwaitExpression(node)) return bare(node.expression);
  if (ts.isAsExpression(node) || ts.isNonNullExpression(node) || ts.isSatisfiesExpression(node))
    return bare(node.expression);
  return node;
}

/** The unknown part of a {@link chainOf} or a text. */
export const unknown = '*';

/**
 * What an expression reaches, root first: `console.log` gives `['console', 'log']`, and so does a constant, a
 * destructured name or a bound function made from it. Modules are roots of the form `module:fs`, without `node:`.
 */
export function chainOf(trees: Trees, expression: ts.Expression, depth = 0): readonly string[] {
  const node = bare(expression);
  if (depth > 12) return [unknown];
  const further = (next: ts.Expression): readonly string[] => chainOf(trees, next, depth + 1);
  if (ts.isPropertyAccessExpression(node)) return [...further(node.expression), node.name.text];
  if (ts.isElementAccessExpression(node))
    return [...further(node.expression), ...textsOf(trees, node.argumentExpression).slice(0, 1)];
  if (node.kind === ts.SyntaxKind.ThisKeyword) return ['this'];
  if (ts.isCallExpression(node)) return chainOfCall(trees, node, depth);
  if (ts.isConditionalExpression(node)) return further(node.whenTrue);
  if (ts.isBinaryExpression(node) && /^(\?\?|\|\||,)$/.test(node.operatorToken.getText()))
    return further(node.operatorToken.kind === ts.SyntaxKind.CommaToken ? node.right : node.left);
  if (!ts.isIdentifier(node)) return [unknown];
  const declaration = trees.declarationOf(node);
  return declaration === undefined ? [node.text] : chainOfDeclaration(trees, declaration, node.text, depth);
}

function chainOfCall(trees: Trees, node: ts.CallExpression, depth: number): readonly string[] {
  const [first] = node.arguments;
  if (node.expression.kind === ts.SyntaxKind.ImportKeyword && first !== undefined)
    return [moduleRoot(textsOf(trees, first)[0])];
  const callee = chainOf(trees, node.expression, depth + 1);
  const last = callee.at(-1);
  if ((last === 'require' || last === 'getBuiltinModule' || callee.at(-1) === '()') && first !== undefined)
    return [moduleRoot(textsOf(trees, first)[0])];
  if (last === 'createRequire') return ['require'];
  if (last === 'bind' || last === 'promisify')
    return last === 'bind' ? callee.slice(0, -1) : chainOf(trees, first ?? node, depth + 1);
  return [...callee, '()'];
}

function chainOfDeclaration(
  trees: Trees,
  declaration: ts.Declaration,
  name: string,
  depth: number,
): readonly string[] {
  if (ts.isVariableDeclaration(declaration) && declaration.initializer !== undefined)
    return chainOf(trees, declaration.initializer, depth + 1);
  if (ts.isBindingElement(declaration))
    return [...chainOfPattern(trees, declaration.parent, depth), propertyOf(declaration)];
  if (ts.isImportSpecifier(declaration)) {
    const from = declaration.parent.parent.parent.moduleSpecifier;
    const imported = (declaration.propertyName ?? declaration.name).text;
    return imported === 'default' ? [moduleRoot(textOf(from))] : [moduleRoot(textOf(from)), imported];
  }
  if (ts.isNamespaceImport(declaration))
    return [moduleRoot(textOf(declaration.parent.parent.moduleSpecifier))];
  if (ts.isImportClause(declaration)) return [moduleRoot(textOf(declaration.parent.moduleSpecifier))];
  return [name];
}

function chainOfPattern(trees: Trees, pattern: ts.BindingPattern, depth: number): readonly string[] {
  const { parent } = pattern;
  if (ts.isBindingElement(parent))
    return [...chainOfPattern(trees, parent.parent, depth), propertyOf(parent)];
  if (ts.isVariableDeclaration(parent) && parent.initializer !== undefined)
    return chainOf(trees, parent.initializer, depth + 1);
  return [unknown];
}

/** The property that a destructured name takes. */
export function propertyOf(element: ts.BindingElement): string {
  const name = element.propertyName ?? element.name;
  return ts.isIdentifier(name) || ts.isStringLiteral(name) ? name.text : unknown;
}

function textOf(node: ts.Expression): string | undefined {
  return ts.isStringLiteralLike(node) ? node.text : undefined;
}

function moduleRoot(name: string | undefined): string {
  return `module:${(name ?? unknown).replace(/^node:/, '')}`;
}

/**
 * The texts that an expression can be; {@link unknown} stands for a part that only the run knows. Follows
 * constants, templates, `+`, `concat`, `join` and both sides of a condition.
 */
export function textsOf(trees: Trees, expression: ts.Expression, depth = 0): readonly string[] {
  const node = bare(expression);
  const further = (next: ts.Expression): readonly string[] => textsOf(trees, next, depth + 1);
  if (depth > 12) return [unknown];
  if (ts.isStringLiteralLike(node) || ts.isNumericLiteral(node)) return [node.text];
  if (ts.isTemplateExpression(node))
    return joined([
      [node.head.text],
      ...node.templateSpans.flatMap((span) => [further(span.expression), [span.literal.text]]),
    ]);
  if (ts.isTaggedTemplateExpression(node)) return further(node.template);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken)
    return joined([further(node.left), further(node.right)]);
  if (ts.isConditionalExpression(node)) return [...further(node.whenTrue), ...further(node.whenFalse)];
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression))
    return textsOfCall(trees, node, node.expression, depth);
  if (!ts.isIdentifier(node)) return [unknown];
  const declaration = trees.declarationOf(node);
  if (declaration !== undefined && ts.isVariableDeclaration(declaration))
    return textsOfVariable(trees, declaration, depth);
  return [unknown];
}

function textsOfVariable(
  trees: Trees,
  declaration: ts.VariableDeclaration,
  depth: number,
): readonly string[] {
  if (declaration.initializer !== undefined) return textsOf(trees, declaration.initializer, depth + 1);
  const loop = declaration.parent.parent;
  if (!ts.isForOfStatement(loop) || !ts.isArrayLiteralExpression(bare(loop.expression))) return [unknown];
  return (bare(loop.expression) as ts.ArrayLiteralExpression).elements.flatMap((element) =>
    textsOf(trees, element, depth + 1),
  );
}

function textsOfCall(
  trees: Trees,
  node: ts.CallExpression,
  callee: ts.PropertyAccessExpression,
  depth: number,
): readonly string[] {
  const further = (next: ts.Expression): readonly string[] => textsOf(trees, next, depth + 1);
  const subject = bare(callee.expression);
  if (callee.name.text === 'concat') return joined([further(subject), ...node.arguments.map(further)]);
  if (callee.name.text === 'toString' || callee.name.text === 'toLowerCase') return further(subject);
  if (callee.name.text !== 'join' || !ts.isArrayLiteralExpression(subject)) return [unknown];
  const between = node.arguments[0] === undefined ? [','] : further(node.arguments[0]);
  return joined(
    subject.elements.flatMap((element, index) =>
      index === 0 ? [further(element)] : [between, further(element)],
    ),
  );
}

function joined(parts: readonly (readonly string[])[]): readonly string[] {
  return parts.reduce<readonly string[]>(
    (all, part) => all.flatMap((text) => part.map((more) => text + more)).slice(0, 16),
    [''],
  );
}

/** `file:line` of a node, counted from 1. */
export function placeOf(node: ts.Node): string {
  const file = node.getSourceFile();
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}
