import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { readSettings } from '../../src/daemon/settings-file.js'
import { statePaths, type StatePaths } from '../../src/state/paths.js'
import { fileToken, localSecret } from '../../src/state/secret.js'
import { AuthError, InvalidOptionError } from '../../src/errors.js'
import { Sandbox } from '../support/sandbox.js'
import { rejection } from '../support/rejection.js'

const run = promisify(execFile)

describe('the secret of this user', () => {
  let folder: string
  let paths: StatePaths

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msgvan-spec-'))
    paths = statePaths({ MSGVAN_HOME: join(folder, 'deep', 'home') })
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is made once: 32 bytes that only this user can read, in a folder of the same kind', async () => {
    const secret = await localSecret(paths)
    expect(secret).to.have.length(32)
    expect((await stat(paths.secret)).mode & 0o777).to.equal(0o600)
    expect((await stat(paths.home)).mode & 0o777).to.equal(0o700)
    expect(await localSecret(paths)).to.deep.equal(secret)
    expect(await readdir(paths.home)).to.deep.equal(['secret'])
  })

  for (const [what, make] of Object.entries({
    'a folder': (path: string) => mkdir(path, { recursive: true, mode: 0o700 }).then(() => undefined),
    'a FIFO': (path: string) => run('mkfifo', ['-m', '600', path]).then(() => undefined),
  })) {
    it(`is refused if ${what} is in its place, and so are kept settings`, async () => {
      await mkdir(paths.home, { recursive: true, mode: 0o700 })
      await make(paths.token)
      const refused = await rejection(fileToken(paths))
      expect(refused).to.be.instanceOf(AuthError)
      expect(String(refused)).to.include(`${paths.token} is not a file`)
      await make(paths.settings(1900))
      const unreadable = await rejection(readSettings(paths, 1900))
      expect(unreadable).to.be.instanceOf(InvalidOptionError)
      expect(String(unreadable)).to.include('no file')
    })
  }

  it('is one for all who ask at once', async () => {
    const secrets = await Promise.all(Array.from({ length: 50 }, () => localSecret(paths)))
    expect(new Set(secrets.map(secret => Buffer.from(secret).toString('hex'))).size).to.equal(1)
    expect(await readdir(paths.home)).to.deep.equal(['secret'])
  })

  it('is one for 8 processes that ask at once', async () => {
    const sandbox = await Sandbox.make()
    try {
      const modules = ['secret', 'paths'].map(
        name => new URL(`../../src/state/${name}.js`, import.meta.url).href,
      )
      const code = `
        const [{ localSecret }, { statePaths }] = await Promise.all(${JSON.stringify(modules)}.map(url => import(url)))
        process.stdin.once('data', async () => {
          console.log(Buffer.from(await localSecret(statePaths())).toString('hex'))
          process.exit()
        })
        console.error('ready')`
      const processes = Array.from({ length: 8 }, () => sandbox.node(['--input-type=module', '-e', code]))
      await Promise.all(processes.map(each => each.shows(/ready/)))
      for (const each of processes) each.write('go\n')
      const printed = (await Promise.all(processes.map(each => each.ended))).map(({ stdout }) => stdout)
      expect(new Set(printed).size).to.equal(1)
      expect(printed[0]).to.match(/^[0-9a-f]{64}\n$/)
    } finally {
      await sandbox.clean()
    }
  })

  it('is refused when others can read it', async () => {
    await localSecret(paths)
    await chmod(paths.secret, 0o640)
    const error = await rejection(localSecret(paths))
    expect(error).to.be.instanceOf(AuthError)
    expect(error.message).to.contain(paths.secret).and.contain('640')
  })

  it('is refused when it is damaged, by name and with what to do', async () => {
    await localSecret(paths)
    await writeFile(paths.secret, 'short')
    expect((await rejection(localSecret(paths))).message)
      .to.contain('5 bytes')
      .and.contain('delete the file')
  })

  it('is not read through a symbolic link', async () => {
    const secret = await localSecret(paths)
    await writeFile(join(folder, 'elsewhere'), secret, { mode: 0o600 })
    await rm(paths.secret)
    await symlink(join(folder, 'elsewhere'), paths.secret)
    expect(await rejection(localSecret(paths))).to.be.instanceOf(AuthError)
  })

  it('is refused in a folder that others can write to', async () => {
    await localSecret(paths)
    await chmod(paths.home, 0o777)
    const error = await rejection(localSecret(paths))
    expect(error).to.be.instanceOf(AuthError)
    expect(error.message).to.contain(`chmod 700 ${paths.home}`)
  })

  it('leaves a folder that was there as it was', async () => {
    await chmod(folder, 0o755)
    await localSecret(statePaths({ MSGVAN_HOME: folder }))
    expect((await stat(folder)).mode & 0o777).to.equal(0o755)
  })
})

describe('the token file', () => {
  let paths: StatePaths

  beforeEach(async () => {
    paths = statePaths({ MSGVAN_HOME: await mkdtemp(join(tmpdir(), 'msgvan-spec-')) })
  })
  afterEach(() => rm(paths.home, { recursive: true }))

  it('need not be there', async () => {
    expect(await fileToken(paths)).to.equal(undefined)
  })

  it('holds the token, whitespace around it aside', async () => {
    await writeFile(paths.token, ' open sesame\n', { mode: 0o600 })
    expect(await fileToken(paths)).to.equal('open sesame')
    expect(await readFile(paths.token, 'utf8')).to.equal(' open sesame\n')
  })

  it('is refused when others can read it, or nothing is in it', async () => {
    await writeFile(paths.token, 'open sesame', { mode: 0o600 })
    await chmod(paths.token, 0o604)
    expect(await rejection(fileToken(paths))).to.be.instanceOf(AuthError)
    await chmod(paths.token, 0o600)
    await writeFile(paths.token, '\n')
    expect((await rejection(fileToken(paths))).message).to.contain('is empty')
  })
})
