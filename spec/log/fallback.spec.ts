import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { FileFallback } from '../../src/log/fallback.js'

describe('log: fallback file', () => {
  let directory: string
  const original = console.error
  const said: string[] = []

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'msgvan-log-'))
    said.length = 0
    console.error = (text: string) => said.push(text)
  })
  afterEach(() => {
    console.error = original
    rmSync(directory, { recursive: true })
  })

  it('keeps a limited number of files of limited size, the newest lines in the first', () => {
    const file = join(directory, 'state', 'x.log')
    const fallback = new FileFallback(file, { maxSize: 100, maxFiles: 3 })
    for (let n = 0; n < 100; n++) fallback.write(`line ${n}`.padEnd(29))
    fallback.close()
    expect(readdirSync(join(directory, 'state')).sort()).to.deep.equal(['x.log', 'x.log.1', 'x.log.2'])
    const all = ['x.log.2', 'x.log.1', 'x.log'].flatMap(name =>
      readFileSync(join(directory, 'state', name), 'utf8')
        .split('\n')
        .slice(0, -1),
    )
    expect(all.map(line => line.trim())).to.deep.equal([93, 94, 95, 96, 97, 98, 99].map(n => `line ${n}`))
    expect(statSync(file).mode & 0o777).to.equal(0o600)
  })

  it('goes on in the file of another process, and leaves alone what that one has just rotated', () => {
    const file = join(directory, 'x.log')
    const one = new FileFallback(file, { maxSize: 100, maxFiles: 3 })
    const other = new FileFallback(file, { maxSize: 100, maxFiles: 3 })
    one.write('1'.repeat(60))
    other.write('2'.repeat(30))
    one.write('3'.repeat(60)) // 92 bytes are in the file: rotates
    other.write('4'.repeat(20)) // still has the old file open and would rotate, but the new one has room
    one.close()
    other.close()
    const files = readdirSync(directory).sort()
    expect(files).to.deep.equal(['x.log', 'x.log.1'])
    const digits = files.map(name => readFileSync(join(directory, name), 'utf8').replace(/(.)\1*\n/g, '$1'))
    expect(digits).to.deep.equal(['34', '12'])
  })

  it('follows its name when something else moves the file', async () => {
    const file = join(directory, 'x.log')
    const fallback = new FileFallback(file)
    fallback.write('one')
    renameSync(file, `${file}.moved`)
    await new Promise(resolve => setImmediate(resolve))
    fallback.write('two')
    fallback.close()
    expect([`${file}.moved`, file].map(path => readFileSync(path, 'utf8'))).to.deep.equal(['one\n', 'two\n'])
  })

  it('says once that the file cannot be written, and goes on to the console', () => {
    writeFileSync(join(directory, 'taken'), '')
    const fallback = new FileFallback(join(directory, 'taken', 'x.log'))
    fallback.write('one')
    fallback.write('two')
    expect(said).to.have.length(3)
    expect(said[0]).to.match(/x\.log cannot be written \(Error: E.*\): logging goes to the console$/)
    expect(said.slice(1)).to.deep.equal(['one', 'two'])
  })
})
