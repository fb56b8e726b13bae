import { homedir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { statePaths } from '../../src/daemon/paths.js'

describe('the state folder', () => {
  it('is MSGVAN_HOME, made absolute: a host runs in another directory', () => {
    expect(statePaths({ MSGVAN_HOME: '/somewhere' }).home).to.equal('/somewhere')
    expect(statePaths({ MSGVAN_HOME: 'near' }).home).to.equal(join(process.cwd(), 'near'))
  })

  it('is where the system keeps state otherwise', function () {
    if (process.platform !== 'linux' || process.env['XDG_STATE_HOME'] !== undefined) this.skip()
    expect(statePaths({}).home).to.equal(join(homedir(), '.local', 'state', 'msgvan'))
    expect(statePaths({ MSGVAN_HOME: '' }).home).to.equal(statePaths({}).home)
  })

  it('has files by port, so that two hosts never share one', () => {
    const paths = statePaths({ MSGVAN_HOME: '/h' })
    const files = [1900, 1901].flatMap(port => [paths.log(port), paths.output(port), paths.pid(port)])
    expect(new Set(files).size).to.equal(6)
  })
})
