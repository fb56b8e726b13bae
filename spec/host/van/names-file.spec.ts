import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { NamesFile, type KeptName, type NamedRequest } from '../../../src/host/van/names-file.js'
import { backoff } from '../../../src/operators/backoff.js'

const request = (name: string, more: Partial<NamedRequest> = {}): NamedRequest => ({
  pattern: /^t\./i,
  name,
  ordered: false,
  prefetch: 10,
  attempts: 3,
  delay: 5,
  ackTimeout: 0,
  maxPending: 1_000,
  maxPendingBytes: 1_000_000,
  overflow: 'pause',
  ...more,
})

describe('the names that a host keeps for the one after its death', () => {
  let folder: string
  let file: string
  const said: string[] = []
  const open = (): NamesFile => new NamesFile(file, text => said.push(text))
  const summary = (names: readonly KeptName[]) =>
    names.map(
      ({ van, request: { name, attempts, pattern } }) => `${van} ${name} ${attempts} ${String(pattern)}`,
    )

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'msgvan-names-'))
    file = join(folder, 'names')
    said.splice(0)
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('are there with their rules, the last ones, when what changed was written, for this user alone', () => {
    const names = open()
    names.begin()
    names.changed('default', 'a', request('a'))
    names.changed('default', 'b', request('b', { delay: [1, 2], pattern: 'exact' }))
    names.changed('other', 'a', request('a', { delay: backoff(), attempts: 7 }))
    names.write()
    names.changed('default', 'a', request('a', { attempts: 9 }))
    names.changed('default', 'b', undefined)
    names.write()
    expect(summary(open().read())).to.deep.equal(['default a 9 /^t\\./i', 'other a 7 /^t\\./i'])
    expect(statSync(file).mode & 0o777).to.equal(0o600)
    expect(said).to.deep.equal([])
  })

  it('are written by the end of the turn without being asked for', async () => {
    const names = open()
    names.begin()
    names.changed('default', 'a', request('a'))
    expect(open().read()).to.have.lengthOf(0)
    await new Promise(resolve => setImmediate(resolve))
    expect(open().read()).to.have.lengthOf(1)
  })

  it('leave out mailboxes and what is exposed, which end with their hosts', () => {
    const names = open()
    names.begin()
    names.changed('default', '$actor/1', request('$actor/1'))
    names.changed('default', '$exposed/1', request('$exposed/1'))
    names.write()
    expect(readFileSync(file, 'utf8')).to.equal('')
  })

  it('survive a torn last line and a damaged one, which are logged', () => {
    const names = open()
    names.begin()
    for (const name of ['a', 'b', 'c']) names.changed('default', name, request(name))
    names.write()
    const whole = readFileSync(file, 'utf8')
    writeFileSync(file, whole.slice(0, -10))
    expect(summary(open().read())).to.deep.equal(['default a 3 /^t\\./i', 'default b 3 /^t\\./i'])
    writeFileSync(file, whole.replace('"name":"b"', '"name":"x"'))
    expect(summary(open().read())).to.deep.equal(['default a 3 /^t\\./i', 'default c 3 /^t\\./i'])
    expect(said.join()).to.match(/1 lines are damaged/)
  })

  it('are bounded, in the file too', () => {
    const names = open()
    names.begin()
    for (let at = 0; at < 10_010; at += 1) names.changed('default', `n${at}`, request(`n${at}`))
    names.write()
    expect(open().read()).to.have.lengthOf(10_000)
    expect(said).to.have.lengthOf(1)
    for (let at = 10; at < 10_010; at += 1) names.changed('default', `n${at}`, undefined)
    names.write()
    for (let attempts = 1; attempts <= 12_000; attempts += 1) {
      names.changed('default', 'n1', request('n1', { attempts }))
      names.write()
    }
    expect(open().read()).to.have.lengthOf(10)
    expect(readFileSync(file, 'utf8').split('\n').length).to.be.below(2_000)
  })

  it('are removed at an end in order; a host that could not write logs it once and goes on', () => {
    const names = open()
    names.begin()
    names.changed('default', 'a', request('a'))
    names.write()
    names.end(true)
    names.changed('default', 'a', undefined)
    names.write()
    expect(open().read()).to.deep.equal([])
    const nowhere = new NamesFile(join(folder, 'none', 'names'), text => said.push(text))
    nowhere.begin()
    nowhere.changed('default', 'a', request('a'))
    nowhere.write()
    expect(said).to.have.lengthOf(1)
  })
})
