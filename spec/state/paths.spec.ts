import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { statePaths } from '../../src/state/paths.js'
import { InvalidOptionError } from '../../src/errors.js'
import { onlyOnLinux, skipUnless } from '../support/requirement.js'

describe('the state folder', () => {
  it('is MSGVAN_HOME; a relative one is refused, since each folder would get secrets of its own', () => {
    expect(statePaths({ MSGVAN_HOME: '/somewhere' }).home).to.equal('/somewhere')
    for (const MSGVAN_HOME of ['near', './near', '../near', '~/near'])
      expect(() => statePaths({ MSGVAN_HOME }), MSGVAN_HOME).to.throw(InvalidOptionError, MSGVAN_HOME)
  })

  it('is never inside the current folder, whatever XDG_STATE_HOME and HOME are', function () {
    onlyOnLinux(this)
    expect(statePaths({ XDG_STATE_HOME: '/state', HOME: '/home/me' }).home).to.equal('/state/msgvan')
    for (const XDG_STATE_HOME of ['state', './state', ''])
      expect(statePaths({ XDG_STATE_HOME, HOME: '/home/me' }).home).to.equal('/home/me/.local/state/msgvan')
    const own = join(userInfo().homedir, '.local', 'state', 'msgvan')
    const before = process.env['HOME']
    try {
      for (const HOME of ['', 'me', '.']) {
        process.env['HOME'] = HOME
        expect(statePaths({ HOME }).home).to.equal(own)
      }
    } finally {
      process.env['HOME'] = before
    }
  })

  it('is where the system keeps state otherwise', function () {
    onlyOnLinux(this)
    skipUnless(this, process.env['XDG_STATE_HOME'] === undefined, 'XDG_STATE_HOME is set')
    expect(statePaths({}).home).to.equal(join(homedir(), '.local', 'state', 'msgvan'))
    expect(statePaths({ MSGVAN_HOME: '' }).home).to.equal(statePaths({}).home)
  })

  it('has files by port, so that two hosts never share one', () => {
    const paths = statePaths({ MSGVAN_HOME: '/h' })
    const files = [1900, 1901].flatMap(port => [paths.log(port), paths.output(port), paths.pid(port)])
    expect(new Set(files).size).to.equal(6)
  })
})
