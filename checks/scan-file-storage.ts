// Looks for places that keep something in a file, a database or a browser's storage of their own, past the rooms that
// seal what they keep. Whoever may write a file stands in the list below with the reason; there, the modes are judged.
import ts from 'typescript';
import { finding, type Finding } from './finding.ts';
import { bare, chainOf, nodesOf, textsOf, unknown, type Trees } from './source-trees.ts';

/** Files that may write files, and why. */
const keepers: readonly (readonly [path: RegExp, why: string])[] = [
  [/^packages\/vault\/src\/store\//, 'the database: it holds sealed fields'],
  [/^packages\/vault\/src\/audit\//, 'the journal: its entries are sealed'],
  [/^packages\/vault\/src\/keys\/(keyring|private-file)\.ts$/, 'the keyring: root keys, for the owner alone'],
  [/^packages\/server\/src\/admin\/socket\.ts$/, 'the administration’s socket and its mode'],
  [
    /^packages\/server\/src\/cli\/audit-export\.ts$/,
    'the file that somebody has the audit log exported into, for them alone',
  ],
  [/^packages\/server\/src\/http\/local\.ts$/, 'the socket for programs of this machine, and its mode'],
];

const writers = new Set(
  'writeFile appendFile createWriteStream WriteStream open mkdir mkdtemp mkdtempDisposable copyFile cp symlink link truncate chmod lchmod fchmod write writev'
    .split(' ')
    .flatMap((name) => [name, `${name}Sync`]),
);
const fileModules = new Set(['module:fs', 'module:fs/promises', `module:${unknown}`]);
const databases =
  /^module:(sqlite|better-sqlite3|sqlite3|level|lowdb|conf|node-persist|session-file-store|nedb|keyv-file)$/;
const otherRoots = new Set(['localStorage', 'sessionStorage', 'indexedDB', 'Bun', 'Deno']);
const says = 'keeps something outside the rooms that seal it';

/** Every file, database or browser storage that is written where it should not be, or so that others can read it. */
export function scanFileStorage(trees: Trees): Finding[] {
  return trees.files.flatMap((file) => {
    const keeper = keepers.some(([path]) => path.test(file.fileName));
    const found = [...nodesOf(file)].flatMap((node) =>
      keeper ? modeFaults(trees, node) : strangers(trees, node),
    );
    const places = new Set<string>();
    return found.filter(({ place, level }) => places.size < places.add(`${place} ${level}`).size);
  });
}

function strangers(trees: Trees, node: ts.Node): Finding[] {
  if (
    ts.isImportDeclaration(node) &&
    ts.isStringLiteral(node.moduleSpecifier) &&
    node.importClause?.isTypeOnly !== true
  )
    return importFaults(node, `module:${node.moduleSpecifier.text.replace(/^node:/, '')}`);
  if (ts.isBindingElement(node) && ts.isIdentifier(node.name))
    return reaches(node, [...chainOf(trees, node.name)]);
  const value =
    ts.isPropertyAccessExpression(node) ||
    ts.isElementAccessExpression(node) ||
    (ts.isCallExpression(node) && isModuleCall(node));
  return value ? reaches(node, chainOf(trees, node)) : [];
}

/** `import(…)`, `require(…)` and `getBuiltinModule(…)`: the databases among them are found without a property. */
function isModuleCall(node: ts.CallExpression): boolean {
  return (
    node.expression.kind === ts.SyntaxKind.ImportKeyword ||
    /(require|getBuiltinModule)$/.test(node.expression.getText())
  );
}

function importFaults(node: ts.ImportDeclaration, module: string): Finding[] {
  if (databases.test(module)) return [finding('fail', node, `${module.slice(7)} ${says}`)];
  const named = node.importClause?.namedBindings;
  if (!fileModules.has(module) || named === undefined || !ts.isNamedImports(named)) return [];
  return named.elements
    .filter((element) => !element.isTypeOnly && writers.has((element.propertyName ?? element.name).text))
    .filter(
      (element) =>
        !/^open(Sync)?$/.test((element.propertyName ?? element.name).text) ||
        opensForWriting(node.getSourceFile()),
    )
    .map((element) => finding('fail', element, `${element.getText()} ${says}`));
}

/** Whether any `open` of a file names flags that are not `r`. */
function opensForWriting(file: ts.SourceFile): boolean {
  return [...nodesOf(file)].some(
    (node) =>
      ts.isCallExpression(node) &&
      /(^|\.)open(Sync)?$/.test(node.expression.getText()) &&
      !readsOnly(node.arguments[1]),
  );
}

function readsOnly(flags: ts.Expression | undefined): boolean {
  if (flags === undefined || (ts.isStringLiteral(flags) && flags.text === 'r')) return true;
  return (
    /\bO_RDONLY\b/.test(flags.getText()) && !/\bO_(WRONLY|RDWR|CREAT|TRUNC|APPEND)\b/.test(flags.getText())
  );
}

function reaches(node: ts.Node, chain: readonly string[]): Finding[] {
  const [root = '', ...rest] = chain;
  const last = rest.at(-1) ?? '';
  if (
    chain.some((part) => otherRoots.has(part)) &&
    (/^(set|add|put|open|write|clear)/.test(last) || last === unknown)
  )
    return [finding('fail', node, `${chain.join('.')} ${says}`)];
  if (databases.test(root) && !rest.includes('()'))
    return [finding('fail', node, `${root.slice(7)} ${says}`)];
  if (!fileModules.has(root) || rest.includes('()')) return [];
  if (/^open(Sync)?$/.test(last))
    return isReadingCall(node) ? [] : [finding('fail', node, `${last} ${says}`)];
  if (writers.has(last)) return [finding('fail', node, `${last} ${says}`)];
  return last.includes(unknown) && root !== `module:${unknown}`
    ? [finding('fail', node, `a file operation chosen at run time ${says}`)]
    : [];
}

function isReadingCall(node: ts.Node): boolean {
  return (
    ts.isCallExpression(node.parent) && node.parent.expression === node && readsOnly(node.parent.arguments[1])
  );
}

/** In the rooms that may write: what others could read afterwards. */
function modeFaults(trees: Trees, node: ts.Node): Finding[] {
  if (!ts.isCallExpression(node)) return [];
  const chain = chainOf(trees, node.expression);
  const last = (chain.at(-1) ?? '').replace(/Sync$/, '');
  if (!fileModules.has(chain[0] ?? '') || chain.includes('()')) return [];
  const mode = modeOf(trees, node, last);
  if (mode !== undefined && (mode & 0o077) !== 0)
    return [finding('fail', node, `${last} lets others in: mode ${mode.toString(8)}`)];
  const makes =
    /^(writeFile|appendFile|createWriteStream|mkdir)$/.test(last) ||
    (last === 'open' && !readsOnly(node.arguments[1]));
  return makes && mode === undefined
    ? [finding('warn', node, `${last} names no mode; the process's umask decides`)]
    : [];
}

function modeOf(trees: Trees, node: ts.CallExpression, last: string): number | undefined {
  const direct = last.endsWith('chmod') ? node.arguments[1] : last === 'open' ? node.arguments[2] : undefined;
  const options = node.arguments.map(bare).find((argument) => ts.isObjectLiteralExpression(argument));
  const value = direct ?? options?.properties.map(modeIn).find((found) => found !== undefined);
  if (value !== undefined) return numberIn(trees, value);
  return last === 'mkdir' && node.arguments[1] !== undefined ? numberIn(trees, node.arguments[1]) : undefined;
}

function modeIn(property: ts.ObjectLiteralElementLike): ts.Expression | undefined {
  if (property.name?.getText() !== 'mode') return undefined;
  return ts.isShorthandPropertyAssignment(property)
    ? property.name
    : ts.isPropertyAssignment(property)
      ? property.initializer
      : undefined;
}

/** The compiler gives `0o600` as `384`. */
function numberIn(trees: Trees, value: ts.Expression): number | undefined {
  const text = textsOf(trees, value)[0] ?? unknown;
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
