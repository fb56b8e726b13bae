import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { msgvanMain, Sandbox } from '../support/sandbox.js'
import { skipUnless } from '../support/requirement.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const bundlers = [
  'webpack',
  'esbuild to CommonJS',
  'esbuild to CommonJS, with conditions',
  'esbuild to CommonJS, of the files for Node',
  'esbuild to modules',
  'vite',
  'rollup',
  'rolldown',
]

const APP = `
  import { van } from 'msgvan'
  import * as all from 'msgvan'
  if (process.argv[2] === 'names') {
    const kinds = Object.entries(all).filter(([, each]) => each?.prototype instanceof all.MsgvanError)
    for (const [exported, Kind] of kinds) {
      const { name } = new Kind('text')
      if (name !== exported) console.log(exported, 'is named', name)
    }
    console.log(kinds.length > 30 ? 'many names' : 'few names')
    process.exit()
  }
  const bus = van(process.argv[2] === 'host' ? {} : { embedded: true })
  bus.topic(/^a/).subscribe(({ payload }) => {
    console.log('got', payload)
    void bus.close({ drain: false })
  })
  bus.ready({ timeout: 30_000 }).then(
    () => bus.publish('a', 'works'),
    error => {
      console.log(error.code, error.message)
      process.exit(1)
    },
  )`
const PAGE = `
  import { connect } from 'msgvan/client'
  globalThis.connect = connect`

describe('an app that is bundled with msgvan inside', function () {
  this.timeout(120_000)
  let sandbox: Sandbox
  let folder: string
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    folder = await mkdtemp(join(tmpdir(), 'msgvan-spec-'))
  })
  afterEach(async () => {
    await sandbox.clean()
    await rm(folder, { recursive: true })
  })

  /** A project with what npm installs of this package. @returns the file of its bundle; undefined if the bundler is not installed */
  async function build(bundler: string, code: string, platform: string): Promise<string | undefined> {
    const modules = join(folder, 'app/node_modules')
    await mkdir(join(modules, 'msgvan/dist'), { recursive: true })
    await cp(join(root, 'package.json'), join(modules, 'msgvan/package.json'))
    for (const part of ['src', 'node'])
      await cp(join(root, 'dist', part), join(modules, 'msgvan/dist', part), { recursive: true })
    for (const name of await readdir(join(root, 'node_modules')))
      if (!name.startsWith('.')) await symlink(join(root, 'node_modules', name), join(modules, name))
    await writeFile(join(folder, 'app/package.json'), '{"private":true,"type":"module"}')
    await writeFile(join(folder, 'app/entry.js'), code)
    const out = join(folder, 'app/out')
    const fixture = join(root, 'spec/fixtures/bundlers.js')
    const {
      code: exit,
      stdout,
      stderr,
    } = await sandbox.processes.start(
      process.execPath,
      [fixture, bundler, join(folder, 'app/entry.js'), out, platform],
      { ...process.env, NODE_ENV: 'production' },
    ).ended
    if (stderr.includes('ERR_MODULE_NOT_FOUND') && process.env['CI'] !== 'true') return undefined
    expect(exit, stderr).to.equal(0)
    return join(out, stdout.trim())
  }

  for (const bundler of bundlers) {
    it(`built by ${bundler}, has an embedded bus anywhere, and a host where msgvan is installed`, async function () {
      const file = await build(bundler, APP, 'node')
      if (file === undefined) return skipUnless(this, false, 'a bundler is not installed')
      const embedded = await sandbox.node([file]).ended
      expect(embedded.stdout, embedded.stderr).to.equal('got works\n')
      expect((await sandbox.node([file, 'names']).ended).stdout).to.equal('many names\n')
      const { stdout, stderr } = await sandbox.node([file, 'host']).ended
      // esbuild gives modules no require, which CommonJS inside a bundle needs.
      if (bundler === 'esbuild to modules') expect(stdout).to.match(/^MSGVAN_NOT_INSTALLED .*external/)
      else expect(stdout, stderr).to.equal('got works\n')
      await sandbox.msgvan(['stop']).ended
    })

    it(`built by ${bundler} for browsers, needs nothing of Node`, async function () {
      const file = await build(bundler, PAGE, 'browser')
      if (file === undefined) return skipUnless(this, false, 'a bundler is not installed')
      const code = await readFile(file, 'utf8')
      expect(code).to.have.length.greaterThan(1_000)
      expect(code).to.not.match(/(from|require\()\s*["'`](node:|fs|net|tls|http)/)
    })
  }

  it('says that msgvan must be external where it is not installed, and keeps off a cli/main.js of the app', async function () {
    const file = await build('rolldown', APP, 'node')
    if (file === undefined) return skipUnless(this, false, 'a bundler is not installed')
    await cp(join(folder, 'app/out'), join(folder, 'elsewhere/out'), { recursive: true })
    await mkdir(join(folder, 'elsewhere/cli'))
    await writeFile(join(folder, 'elsewhere/cli/main.js'), 'console.log("of the app")')
    await writeFile(join(folder, 'elsewhere/package.json'), '{"type":"module"}')
    const moved = join(folder, 'elsewhere/out/main.mjs')
    // From there no msgvan is to be found: neither is this the current folder of the spec.
    const { stdout } = await sandbox.node([
      '-e',
      `process.chdir('/'); process.argv = ['', ${JSON.stringify(moved)}, 'host']; import(process.argv[1])`,
    ]).ended
    expect(stdout).to.match(/^MSGVAN_NOT_INSTALLED .*external/)
    // With a host that runs already it needs no package.
    expect((await sandbox.msgvan(['start']).ended).code, msgvanMain).to.equal(0)
    expect((await sandbox.node([moved, 'host']).ended).stdout).to.equal('got works\n')
    await sandbox.msgvan(['stop']).ended
  })
})
