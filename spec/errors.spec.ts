import { readFile } from 'node:fs/promises'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import * as errors from '../src/errors.js'

describe('errors', () => {
  const kinds = Object.values(errors as Record<string, unknown>).filter(
    (value): value is new (...args: unknown[]) => errors.MsgvanError =>
      typeof value === 'function' && value.prototype instanceof errors.MsgvanError,
  )
  const all = kinds.map(kind => new kind('text', undefined))

  it('have one code per class and one class per code', () => {
    expect(all.length).to.be.greaterThan(20)
    expect(new Set(all.map(({ code }) => code)).size).to.equal(all.length)
    expect(all.map(({ name }) => name)).to.deep.equal(kinds.map(({ name }) => name))
  })

  it('keep their codes: apps match on them', () => {
    const codes = all.map(({ code }) => code.replace('MSGVAN_', '')).sort()
    // A code leaves this list only with a note in CHANGELOG.md.
    expect(codes).to.include.members(
      `ACK_TIMEOUT AUTH CLOSED CONSUMER_DIED HANDLER_CRASHED HANDLER_MODULE HOST_UNREACHABLE INVALID_OPTION INVALID_PATTERN
      INVALID_PAYLOAD INVALID_TOPIC NAME_TAKEN OUTBOX_FULL OVERFLOW PAYLOAD_TOO_LARGE PORT_TAKEN PROTOCOL REFUSED_BY_CONSUMER
      REMOTE SCHEMA SESSION_LOST SUBSCRIBER TIMEOUT UNREADABLE_PAYLOAD UNSUPPORTED VERSION_MISMATCH`.split(
        /\s+/,
      ),
    )
  })

  it('show whatever was thrown, and never throw themselves', () => {
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    const hostile = {
      toJSON() {
        throw new Error('no')
      },
    }
    const proxy = new Proxy({}, { get: () => { throw new Error('no') }, getPrototypeOf: () => { throw new Error('no') } }) // prettier-ignore
    const odd = [
      undefined,
      null,
      0,
      1n,
      'text',
      Symbol('s'),
      cyclic,
      hostile,
      proxy,
      Object.create(null),
      new Error('e', { cause: cyclic }),
      '',
      { toJSON: () => undefined },
      Object.assign(new Error('no name'), { name: Symbol('s') }),
      Object.assign(new Error(), { message: cyclic }),
    ]
    for (const thrown of odd) expect(errors.describe(thrown)).to.be.a('string').and.match(/\S/)
    expect(errors.describe(new TypeError())).to.equal('TypeError')
    expect(errors.describe(new TypeError('why', { cause: new Error('beneath') }))).to.equal(
      'TypeError: why (cause: Error: beneath)',
    )
  })

  it('show errors of another realm, as Node’s own are under Jest', () => {
    const foreign: unknown = runInNewContext(`Object.assign(new Error('not there'), { code: 'ENOENT' })`)
    expect(foreign).not.to.be.instanceOf(Error)
    expect(errors.describe(foreign)).to.equal('Error: not there')
    expect(errors.codeOf(foreign)).to.equal('ENOENT')
    for (const other of [undefined, null, 'ENOENT', 7]) expect(errors.codeOf(other)).to.equal(undefined)
  })

  it('show the beginning of what is very long', () => {
    for (const thrown of ['x'.repeat(1e6), new Error('x'.repeat(1e6)), { text: 'x'.repeat(1e6) }])
      expect(errors.describe(thrown))
        .to.match(/xxx …$/)
        .and.to.have.lengthOf.at.most(2_100)
  })

  it('are all in docs/errors.md, and nothing else is', async () => {
    const page = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')
    const documented = [...page.matchAll(/^\| `(MSGVAN_\w+)` \| `(\w+)` \|/gm)].map(
      ([, code, name]) => `${code ?? ''} ${name ?? ''}`,
    )
    expect(documented.sort()).to.deep.equal(all.map(({ code, name }) => `${code} ${name}`).sort())
  })

  it('have the names of their classes in what is published, too', async () => {
    const published = (await import(new URL('../node/index.js', import.meta.url).href)) as Record<
      string,
      unknown
    >
    expect(published).to.not.have.any.keys('describe', 'errorFromCode')
    const names = Object.keys(published).filter(name => name.endsWith('Error') && name !== 'MsgvanError')
    expect(names).to.have.lengthOf(all.length)
    for (const name of names) {
      const kind = published[name] as new (text: string) => Error
      expect(new kind('why').name).to.equal(name)
    }
  })

  it('cross a link as code and text, and are of their class again', () => {
    const crossing = all.filter(error => !['MSGVAN_SCHEMA', 'MSGVAN_SUBSCRIBER'].includes(error.code)) // these stay where they are
    for (const { code, name } of crossing) {
      expect(errors.errorFromCode(code, 'why')).to.include({ code, name, message: 'why' })
    }
    expect(errors.errorFromCode('MSGVAN_FROM_TOMORROW', 'why')).to.include({
      code: 'MSGVAN_REMOTE',
      message: 'why',
    })
    expect(errors.errorFromCode('toString', 'why')).to.include({ code: 'MSGVAN_REMOTE' })
  })
})
