// The walls between packages and rooms, for dependency-cruiser. Each rule says why it stands; `walls.test.ts`
// plants one fault for each and expects exactly that rule to turn red.
const tests = ['\\.test\\.', '/fixtures/'];
const vault = '^packages/vault/src';
const server = '^packages/server/src';
const rooms = 'http|auth|gateway|assistant|admin|cli';

/** A room of the vault may reach itself and what is named; everything else of the vault is above it. */
function looksDown(room, allowed, why) {
  const pathNot = [`${vault}/${room}/`, ...allowed.map((name) => `${vault}/${name}`)];
  return {
    name: `5-${room}-looks-down`,
    comment: why,
    severity: 'error',
    from: { path: `${vault}/${room}/`, pathNot: tests },
    to: { path: '^packages/', pathNot },
  };
}

const base = ['receipt\\.ts$', 'refusal\\.ts$'];

module.exports = {
  forbidden: [
    {
      name: '1-no-cycles',
      comment: 'Parts that need each other are one part: they cannot be read, tested or replaced alone.',
      severity: 'error',
      from: { pathNot: tests },
      to: { circular: true },
    },
    {
      name: '2-vault-stands-alone',
      comment: 'The vault holds keys and plaintext. Auditors read it alone, and it serves without HTTP.',
      severity: 'error',
      from: { path: '^packages/vault/' },
      to: { path: ['^packages/(?!vault/)', '^(sealgate|@sealgate/(?!vault))', '^(test|bench|checks)/'] },
    },
    {
      name: '3-console-takes-types',
      comment:
        'The console is a browser bundle: of the server and the vault it may know the types and nothing that runs.',
      severity: 'error',
      from: { path: '^packages/console/' },
      to: { path: '^packages/(?!console/)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: '4-packages-by-name',
      comment:
        'A path into another package goes past its exports: what it keeps private would become an interface.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/$1/', dependencyTypes: ['local'] },
    },
    looksDown(
      'seal',
      ['refusal\\.ts$'],
      'Sealing is bytes in, bytes out: it can be judged with nothing else on the table.',
    ),
    {
      name: '5-seal-uses-crypto-alone',
      comment: 'A dependency inside the seal would stand next to key bytes.',
      severity: 'error',
      from: { path: `${vault}/seal/`, pathNot: tests },
      to: { pathNot: ['^(node:)?crypto$', `${vault}/`] },
    },
    looksDown('store', ['refusal\\.ts$'], 'Adapters see bytes, never keys.'),
    looksDown(
      'tlog',
      ['refusal\\.ts$'],
      'Trees, tiles and notes are public formats: they know nothing of what is logged or kept.',
    ),
    {
      name: '5-tlog-uses-crypto-alone',
      comment: 'A stranger checks the log with this and nothing else; it reads and writes nothing by itself.',
      severity: 'error',
      from: { path: `${vault}/tlog/`, pathNot: tests },
      to: { pathNot: ['^(node:)?crypto$', `${vault}/`] },
    },
    looksDown(
      'audit-verify',
      // How an entry is made of its parts, and how it is written: pure, and the same for whoever exports it.
      ['tlog/', 'refusal\\.ts$', 'audit/leaf/entry-of\\.ts$', 'audit/export/(call-csv|ocsf)\\.ts$'],
      'An auditor reads this, the trees and how an entry is written, and needs no key of ours.',
    ),
    looksDown(
      'keys',
      ['seal/', 'store/', ...base],
      'Keys are kept by sealing and storing; whoever audits or lends stands above them.',
    ),
    looksDown(
      'audit',
      ['audit-verify/', 'keys/', 'seal/', 'store/', 'tlog/', ...base],
      'The journal is sealed and stored, and published as a tree; it knows nothing of what is lent.',
    ),
    looksDown(
      'credentials',
      ['audit/', 'keys/', 'seal/', 'store/', ...base],
      'The gate stands on all the others and beside sessions.',
    ),
    looksDown(
      'sessions',
      ['audit/', 'keys/', 'seal/', 'store/', ...base],
      'Sessions stand on all the others and beside credentials.',
    ),
    looksDown(
      'older',
      ['audit/', 'credentials/', 'keys/', 'seal/', 'store/', ...base],
      'What other programs wrote is read here and becomes ours; nothing of ours is built on their forms.',
    ),
    looksDown(
      'tokens',
      ['audit/', 'keys/', 'seal/', 'store/', ...base],
      'Tokens stand on all the others and beside credentials and sessions, and only their own subpath leads to them.',
    ),
    {
      name: '5-nothing-stands-on-tokens',
      comment: 'What gives tokens out in clear must not come along with anything else.',
      severity: 'error',
      from: { path: `${vault}/`, pathNot: [...tests, `${vault}/tokens(\\.ts$|/)`] },
      to: { path: `${vault}/tokens(\\.ts$|/)` },
    },
    {
      name: '5-receipt-is-below',
      comment: 'Every room takes receipts and throws refusals, so neither file may know a room.',
      severity: 'error',
      from: { path: `${vault}/(receipt|refusal)\\.ts$` },
      to: { path: '^packages/', pathNot: `${vault}/refusal\\.ts$` },
    },
    {
      name: '6-rooms-meet-in-main',
      comment:
        'A room is handed what it needs by main.ts; a room that reaches for its neighbour cannot be tested alone.',
      severity: 'error',
      from: { path: `${server}/(${rooms})/`, pathNot: tests },
      to: { path: `${server}/(${rooms})/`, pathNot: `${server}/$1/` },
    },
    {
      name: '6-only-cli-starts-main',
      comment: 'main.ts and its folder wire the rooms; only the command line may start it.',
      severity: 'error',
      from: { path: '^packages/', pathNot: [...tests, `${server}/cli/`, `${server}/main(\\.ts$|/)`] },
      to: { path: `${server}/main(\\.ts$|/)` },
    },
    {
      name: '6-below-the-rooms',
      comment: 'What every room may import must not import a room.',
      severity: 'error',
      from: {
        path: [`${server}/(domain|config|outgoing|telemetry)/`, `${server}/[^/]+\\.ts$`],
        pathNot: [...tests, `${server}/main\\.ts$`],
      },
      to: { path: `${server}/(${rooms})/` },
    },
    {
      name: '7-server-takes-no-tokens',
      comment: '`@sealgate/vault/tokens` returns plaintext by design; the server lends and never holds.',
      severity: 'error',
      from: { path: '^packages/server/' },
      to: { path: [`${vault}/tokens(\\.ts$|/)`, '^@sealgate/vault/tokens'] },
    },
    {
      name: '8-nothing-imports-a-test',
      comment: 'Tests and contract kits are proofs about the product, not parts of it.',
      severity: 'error',
      from: { path: '^packages/', pathNot: [...tests, `${vault}/testing/`] },
      to: { path: [...tests, '-contract\\.ts$', `${vault}/testing/`, '^(test|bench|checks)/'] },
    },
    {
      name: '9-every-import-resolves',
      comment: 'An import that the tool cannot follow would pass under every other wall.',
      severity: 'error',
      from: {},
      // What stands in a lockfile of its own, and is installed when somebody asks for it.
      to: {
        couldNotResolve: true,
        pathNot: '^(@sealgate/vault/tokens|redis|connect-redis|connect-dynamodb|@aws-crypto/client-node)$',
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^packages/[^/]+/dist/' },
    preserveSymlinks: false,
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@sealgate/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
