/**
 * Puts what Node loads of this package into few files, dist/node: most of the time in which `import 'msgvan'` or a command
 * began was Node finding and opening 240 modules one by one. docs/architecture.md says what is in them, and why.
 */
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'dist', 'src')
const target = join(root, 'dist', 'node')

/**
 * Two bundles, since a command has no use for the user's rxjs: it has its own, inside. `entries` are what users import and what is
 * started by its path (from anywhere in dist/node/*, as `../room/entry.js`: so the sources name it too). `together` are files of a
 * module and all that it imports statically: what is loaded at once. What is loaded later stays apart.
 */
const library = {
  folder: 'chunks',
  entries: ['index', 'client/index', 'operators/index', 'workers/actor-worker', 'workers/handler-worker'],
  together: {
    msgvan: /src[\\/]((client|operators)[\\/])?index\.js$/,
    socket: /src[\\/]client[\\/]dial-socket\.js$/,
  },
  outside: isShared,
}
const commands = {
  folder: 'cli',
  entries: ['cli/main', 'store/probe-process'],
  together: {
    commands: /src[\\/]cli[\\/]program\.js$/,
    socket: /src[\\/]client[\\/]dial-socket\.js$/,
    host: /src[\\/]host[\\/]run-host\.js$/,
  },
  outside: () => false,
}

/** Native code: found at run time, or missing. */
const native = ['lmdb', 'unix-dgram', 'bufferutil', 'utf-8-validate']

/** Of the user's own rxjs: what has an identity that shows, or a state. The rest is code that works on these. */
function isShared(module) {
  return /^rxjs\/internal\/(Observable|Subject|BehaviorSubject|ReplaySubject|Subscriber|Subscription|config|(symbol|scheduler)\/.+|util\/([A-Z]\w+Error|errorContext))$/.test(
    module,
  )
}

/** rxjs as modules, but for what is to stay outside. */
const rxjs = outside => ({
  name: 'rxjs',
  resolveId(id, importer = '') {
    const within = /[\\/]rxjs[\\/]dist[\\/]esm[\\/](.+)$/.exec(importer)?.[1].replaceAll('\\', '/')
    const name = within !== undefined && id.startsWith('.') ? posix.join('rxjs', within, '..', id) : id
    if (!name.startsWith('rxjs/')) return undefined
    const module = name.replace(/\.js$/, '')
    if (outside(module)) return { id: module, external: true }
    return join(root, 'node_modules/rxjs/dist/esm', `${module.slice(5)}.js`)
  },
})

/** A bundler that makes CommonJS of it leaves `import.meta.url` empty. */
const here = 'import.meta.url ?? __filename'
const header = `import { createRequire as $createRequire } from "node:module";
const $require = $createRequire(${here});
`

/**
 * What stays outside is required, not imported. rxjs in Node is CommonJS, and to import such a module is several times the work
 * of requiring it. And an import of one of Node's own modules reads each of its exports, which loads what Node itself puts off
 * until somebody asks for it.
 */
const byRequire = {
  name: 'by-require',
  renderChunk(code, { fileName }) {
    const required = code.replaceAll(
      /^import (?:(?:\* as )?([\w$]+))?(?:, )?(?:\{ (.+) \})? from ("(?!node:module")[^."][^"]*");$/gm,
      (_, whole, names, module) => {
        const all = names === undefined ? [] : [`{ ${names.replaceAll(' as ', ': ')} }`]
        return `const ${[...(whole === undefined ? [] : [whole]), ...all].map(each => `${each} = $require(${module})`).join(', ')};`
      },
    )
    const left = /^(?:import|export) [^;]*from "(?!node:module")[^."].*$/m.exec(required)
    if (left !== null) throw new Error(`${fileName} still has ${left[0]}`)
    const anywhere = required.replaceAll('createRequire(import.meta.url)', `createRequire(${here})`)
    return required === code ? anywhere : `${header}${anywhere}`
  },
}

async function build({ folder, entries, together, outside }) {
  const bundle = await rolldown({
    cwd: root,
    input: Object.fromEntries(entries.map(entry => [entry, join(source, `${entry}.js`)])),
    platform: 'node',
    external: native,
    plugins: [rxjs(outside), byRequire],
  })
  const { output } = await bundle.write({
    dir: target,
    format: 'esm',
    comments: false,
    // A stack and `inspect` show the name of the class: two classes of one name (rxjs has a TimeoutError, too) keep it.
    keepNames: true,
    chunkFileNames: `${folder}/[name]-[hash].js`,
    codeSplitting: { groups: Object.entries(together).map(([name, test]) => ({ name, test })) },
  })
  await bundle.close()
  return output
}

rmSync(target, { recursive: true, force: true })
const output = [...(await build(library)), ...(await build(commands))]
checkPaths()
writeFileSync(join(target, 'LICENSES.txt'), licenses())
for (const folder of [source, target]) chmodSync(join(folder, 'cli', 'main.js'), 0o755)

/** Workers and processes are started by their paths: each must be there. */
function checkPaths() {
  const programs = new Set()
  for (const { fileName, code } of output) {
    const base = pathToFileURL(join(target, fileName))
    for (const [, path] of code.matchAll(/new URL\(["']([^"']+)["'], ?import\.meta\.url\)/g))
      if (!existsSync(new URL(path, base)))
        throw new Error(`${fileName} looks for ${path}, which is not there.`)
    for (const [, path] of code.matchAll(/programFile(?:\$\d+)?\(["']([^"']+)["']\)/g)) {
      programs.add(path)
      for (const folder of [source, target])
        if (!existsSync(join(folder, path)))
          throw new Error(`${fileName} starts ${path}, which is not there.`)
    }
  }
  if (programs.size < 4)
    throw new Error(`Only ${[...programs].join(', ')} are started by their paths: are names changed?`)
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
