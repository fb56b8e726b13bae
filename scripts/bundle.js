/**
 * Puts what Node loads of this package into few files, dist/node: most of the time in which `import 'msgvan'` or a command
 * began was Node finding and opening 240 modules one by one. docs/architecture.md says what is in them, and why.
 */
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { join, posix } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'dist', 'src')
const target = join(root, 'dist', 'node')
const require = createRequire(import.meta.url)

/**
 * What users import, and what is started by its path (from anywhere in dist/node/*, as `../room/entry.js`: so the sources name
 * it too).
 */
const entries = [
  'index',
  'client/index',
  'operators/index',
  'cli/main',
  'actors/actor-worker',
  'actors/handler-worker',
  'store/probe-process',
]

/** Files, each of a module and all that it imports statically: what is loaded together. What is loaded later stays apart. */
const chunks = {
  msgvan: /src[\\/]((client|operators)[\\/])?index\.js$/,
  socket: /src[\\/]client[\\/]dial-socket\.js$/,
  log: /src[\\/]log[\\/]logger\.js$/,
  cli: /src[\\/]cli[\\/]program\.js$/,
  host: /src[\\/]host[\\/]run-host\.js$/,
}

/** Native code: found at run time, or missing. */
const native = ['lmdb', 'unix-dgram', 'bufferutil', 'utf-8-validate']

/** Of the user's own rxjs: what has an identity that shows, or a state. The rest is code that works on these. */
const shared =
  /^rxjs\/internal\/(Observable|Subject|BehaviorSubject|ReplaySubject|Subscriber|Subscription|config|(symbol|scheduler)\/.+|util\/([A-Z]\w+Error|errorContext))$/

const rxjs = {
  name: 'rxjs',
  resolveId(id, importer = '') {
    const within = /[\\/]rxjs[\\/]dist[\\/]esm[\\/](.+)$/.exec(importer)?.[1].replaceAll('\\', '/')
    const name = within !== undefined && id.startsWith('.') ? posix.join('rxjs', within, '..', id) : id
    if (!name.startsWith('rxjs/')) return undefined
    const module = name.replace(/\.js$/, '')
    return shared.test(module)
      ? required(module)
      : join(root, 'node_modules/rxjs/dist/esm', `${module.slice(5)}.js`)
  },
}

const require$ = '\0require'

/**
 * rxjs in Node is CommonJS, and to import such a module is several times the work of requiring it. So it is with Node's own
 * modules: an import reads each of their exports once, which loads whatever Node itself puts off until it is asked for.
 */
const byRequire = {
  name: 'by-require',
  resolveId(id, _, { kind }) {
    if (id === require$) return id
    const isTaken = kind === 'import-statement' && isBuiltin(id) && id !== 'node:module'
    return isTaken ? required(id) : undefined
  },
  load(id) {
    if (id === require$)
      return "import { createRequire } from 'node:module'; export default createRequire(import.meta.url)"
    if (!id.startsWith(required(''))) return undefined
    const name = id.slice(required('').length)
    return [
      `import require from ${JSON.stringify(require$)}`,
      `const found = require(${JSON.stringify(name)})`,
      'const $read = key => found[key]',
      'export default found',
      // Pure, so that those that nobody wants are left out.
      ...Object.keys(require(name)).map(
        (key, at) => `const $${at} = /* @__PURE__ */ $read('${key}'); export { $${at} as ${key} }`,
      ),
    ].join('\n')
  },
}

function required(name) {
  return `\0required:${name}`
}

rmSync(target, { recursive: true, force: true })
const bundle = await rolldown({
  cwd: root,
  input: Object.fromEntries(entries.map(entry => [entry, join(source, `${entry}.js`)])),
  platform: 'node',
  external: native,
  plugins: [rxjs, byRequire],
})
const { output } = await bundle.write({
  dir: target,
  format: 'esm',
  chunkFileNames: 'chunks/[name]-[hash].js',
  codeSplitting: { groups: Object.entries(chunks).map(([name, test]) => ({ name, test })) },
})
await bundle.close()

checkPaths()
writeFileSync(join(target, 'LICENSES.txt'), licenses())
for (const folder of [source, target]) chmodSync(join(folder, 'cli', 'main.js'), 0o755)

/** Workers and processes are started by their paths: each must be there. */
function checkPaths() {
  for (const { fileName, code } of output) {
    const base = pathToFileURL(join(target, fileName))
    for (const [, path] of code.matchAll(/new URL\(["']([^"']+)["'], ?import\.meta\.url\)/g))
      if (!existsSync(new URL(path, base)))
        throw new Error(`${fileName} looks for ${path}, which is not there.`)
  }
}

/** Whose code is in the bundle, in which version, and on what terms. */
function licenses() {
  const folders = new Set(
    output.flatMap(({ moduleIds }) =>
      moduleIds.flatMap(id => /^[^\0]*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0] ?? []),
    ),
  )
  const texts = [...folders].map(folder => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find(each => /^licen[cs]e/i.test(each))
    const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim()
    return `${name} ${version} (${license})\n\n${text}`.trim()
  })
  const line = `\n\n${'-'.repeat(80)}\n\n`
  return `These packages are part of the files in this folder.${line}${texts.sort().join(line)}\n`
}
