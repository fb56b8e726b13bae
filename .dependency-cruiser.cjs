/** The arrows of docs/architecture.md: a room imports only rooms below it, and nothing goes in circles. */
const rooms = require('./scripts/rooms.cjs')

const room = name => `^src/${name}/`

const arrows = rooms.flatMap((names, level) =>
  level === 0
    ? []
    : names.map(name => ({
        name: `no-way-up-from-${name}`,
        comment: `${name}/ may not import the rooms above it`,
        severity: 'error',
        from: { path: room(name) },
        to: { path: rooms.slice(0, level).flat().map(room) },
      })),
)

/**
 * The imports between the rooms of host/. A room may import those `below` it. `each` names rooms that import it too:
 * pairs that exist and should go. Add none.
 */
const insideHost = {
  actors: { below: ['backbone', 'van'], each: ['calls', 'handlers'] },
  backbone: { below: [], each: ['process', 'session', 'van'] },
  calls: { below: ['backbone', 'handlers', 'rights'], each: ['actors', 'session', 'van'] },
  'hand-over': { below: ['backbone', 'handlers', 'listen', 'session', 'store', 'van'], each: [] },
  handlers: { below: ['listen', 'van'], each: ['actors'] },
  listen: { below: ['backbone', 'limits', 'rights', 'van'], each: ['process', 'session', 'store'] },
  process: {
    below: ['actors', 'calls', 'hand-over', 'handlers', 'limits', 'rights', 'session', 'store', 'van'],
    each: ['backbone', 'listen'],
  },
  limits: { below: [], each: ['rights'] },
  rights: { below: ['handlers'], each: ['limits'] },
  session: { below: ['actors', 'limits', 'rights', 'store'], each: ['backbone', 'calls', 'listen', 'van'] },
  store: { below: ['actors', 'backbone', 'handlers'], each: ['listen', 'van'] },
  van: { below: [], each: ['backbone', 'calls', 'session', 'store'] },
}

const arrowsInHost = Object.entries(insideHost).map(([name, { below, each }]) => ({
  name: `no-new-import-from-host-${name}`,
  comment: `host/${name}/ may import only the rooms of host/ that the table insideHost lists for it`,
  severity: 'error',
  from: { path: `^src/host/${name}/` },
  to: { path: '^src/host/', pathNot: `^src/host/(${[name, ...below, ...each].join('|')})/` },
}))

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'not of types either: what stands in a circle is one piece in many files',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...arrows,
    ...arrowsInHost,
    {
      name: 'daemon-knows-the-settings-of-a-host-only',
      comment: 'what a host is started with is all that they share in this direction',
      severity: 'error',
      from: { path: room('daemon') },
      to: { path: '^src/host/(?!process/settings)' },
    },
    {
      name: 'the-rooms-of-host-that-ask-the-daemon',
      comment: 'to hand over, to listen and to start',
      severity: 'error',
      from: { path: '^src/host/(?!(hand-over|listen|process)/)' },
      to: { path: room('daemon') },
    },
    {
      name: 'a-kind-of-backbone-stands-on-interfaces',
      comment:
        'no class of broker, client or session, no link and no frame: the next kind may have none of them',
      severity: 'error',
      from: { path: '^src/host/backbone/contract/' },
      to: {
        pathNot: '^src/(bus/contract|message|errors|wire/(calls/|missed)|host/backbone/contract/)',
      },
    },
    {
      name: 'broker-is-pure',
      comment: 'no I/O in the broker',
      severity: 'error',
      from: { path: room('broker') },
      to: { path: 'node_modules/(socket\\.io|winston)|^(net|fs|http|child_process|worker_threads)$|^node:' },
    },
    {
      name: 'bus-knows-no-host',
      severity: 'error',
      from: { path: room('bus') },
      to: { path: ['^src/host/', '^src/client/', '^src/broker/', '^src/daemon/'] },
    },
    {
      name: 'contract-of-the-bus-stands-alone',
      comment: 'but for the classes that the app gets from a bus: its subject, messages and disposables',
      severity: 'error',
      from: { path: '^src/bus/contract/' },
      to: {
        path: '^src/',
        pathNot: '^src/(bus/contract|message|errors|bus/(topic/(subject|messages)|ending/disposable))',
      },
    },
    {
      name: 'operators-know-no-bus',
      severity: 'error',
      from: { path: room('operators') },
      to: { path: ['^src/(?!operators/|message/|codec/|errors)'] },
    },
    {
      name: 'message-knows-the-codec-only',
      severity: 'error',
      from: { path: room('message') },
      to: { path: ['^src/(?!message/|codec/|errors)'] },
    },
    {
      name: 'codec-is-a-leaf',
      severity: 'error',
      from: { path: room('codec') },
      to: { path: ['^src/(?!codec/|errors)'] },
    },
    {
      name: 'client-runs-in-a-browser',
      severity: 'error',
      from: { path: ['^src/(client|wire|bus|operators|message|codec)/'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'store-knows-bytes-only',
      severity: 'error',
      from: { path: room('store') },
      to: { path: ['^src/(?!store/|errors|program-file)'] },
    },
    {
      name: 'only-the-store-knows-lmdb',
      severity: 'error',
      from: { pathNot: room('store') },
      to: { path: 'node_modules/lmdb' },
    },
    {
      name: 'rxjs-by-its-parts',
      comment:
        'all of rxjs takes longer to load than all of msgvan: import what is used from rxjs/internal/…, types from rxjs',
      severity: 'error',
      from: {},
      to: { path: 'node_modules/rxjs/dist/[^/]+/index\\.', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'cli-is-never-imported',
      severity: 'error',
      from: { pathNot: room('cli') },
      to: { path: room('cli') },
    },
    {
      name: 'errors-import-nothing',
      severity: 'error',
      from: { path: '^src/errors\\.ts$' },
      to: { path: '^src/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
}
