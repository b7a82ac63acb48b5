// Rules of the house that no other tool knows: forbidden names, `export *`, exports without a docstring, and
// statuses of refusals anywhere but in `http/reply.ts`.
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { nodesOf, placeOf, productTrees, type Trees } from './source-trees.ts';

const forbidden =
  /(^|\/)(utils?|helpers?|common|shared|misc|core|lib|types?|managers?|services?)(\.[a-z]+|\/)/;
const replies = /^packages\/server\/src\/http\/reply\.ts$/;
const setters = new Set(['code', 'status', 'writeHead', 'sendError']);

/** One line for each fault: place and rule. */
export function houseFaults(trees: Trees): string[] {
  return trees.files.flatMap((file) => {
    const faults: string[] = [];
    const path = file.fileName.replace(/^packages\/[^/]+\/src\//, '');
    if (forbidden.test(path)) faults.push(`${file.fileName}: this name says nothing; name the thing in it`);
    for (const statement of file.statements) faults.push(...statementFaults(statement));
    if (!replies.test(file.fileName))
      for (const node of nodesOf(file)) if (setsStatus(node)) faults.push(statusFault(node));
    return faults;
  });
}

function statementFaults(statement: ts.Statement): string[] {
  if (
    ts.isExportDeclaration(statement) &&
    (statement.exportClause === undefined || ts.isNamespaceExport(statement.exportClause))
  )
    return [`${placeOf(statement)}: export * hides what is public; name each export`];
  const exported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  if (exported !== true || !/\.[cm]?tsx?$/.test(statement.getSourceFile().fileName)) return [];
  return ts.getJSDocCommentsAndTags(statement).length > 0
    ? []
    : [`${placeOf(statement)}: an export without a docstring`];
}

/** A literal 4xx or 5xx that is given to a reply: `reply.code(404)`, `writeHead(500, …)`, `response.statusCode = 403`. */
function setsStatus(node: ts.Node): boolean {
  if (ts.isCallExpression(node)) {
    const callee = node.expression;
    const name = ts.isPropertyAccessExpression(callee) ? callee.name.text : '';
    return setters.has(name) && isErrorStatus(node.arguments[0]);
  }
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.EqualsToken) return false;
  return (
    ts.isPropertyAccessExpression(node.left) &&
    /^status(Code)?$/.test(node.left.name.text) &&
    isErrorStatus(node.right)
  );
}

function isErrorStatus(node: ts.Expression | undefined): boolean {
  return node !== undefined && ts.isNumericLiteral(node) && /^[45]\d\d$/.test(node.text);
}

function statusFault(node: ts.Node): string {
  return `${placeOf(node)}: only http/reply.ts knows the status of a refusal; throw the refusal`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = houseFaults(productTrees());
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
