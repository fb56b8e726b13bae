import { expect } from 'chai'
import { hostSettings, type HostFlags } from '../../../src/host/process/settings.js'
import { goingOn, readKept, settingsKept, settingsGiven } from '../../../src/host/process/settings-kept.js'
import { decodePayload, encodePayload } from '../../../src/codec/payload.js'

describe('the settings of the host before', () => {
  /** As the next host has them, by way of an answer. */
  const next = (before: HostFlags, given: HostFlags = {}, env: NodeJS.ProcessEnv = {}) => {
    const answer = decodePayload(encodePayload(settingsKept(hostSettings(before, {}))))
    return hostSettings(goingOn({ verbose: false, ...given }, readKept(answer), env), env)
  }
  const leading: HostFlags = {
    listen: '0.0.0.0',
    token: 'a secret',
    idle: '7.5',
    sessionTtl: '61',
    heartbeat: '3',
    maxPayload: '1000',
    origins: ['http://a', 'http://b'],
    store: '/store',
    retainAge: '5',
    retainBytes: '6000',
    storeFloor: '7000',
    verbose: true,
    watch: true,
    leader: true,
    tlsCert: '/cert',
    tlsKey: '/key',
    tlsCa: '/ca',
    roots: ['/a', '/b'],
  }

  it('are those of the next one, all of them', () => {
    expect(next(leading)).to.deep.equal(hostSettings(leading, {}))
    expect(next({})).to.deep.equal(hostSettings({}, {}))
    const following = { join: '10.0.0.1', tlsCa: '/ca' }
    expect(next(following)).to.deep.equal(hostSettings(following, {}))
  })

  it('give way to flags, and to variables', () => {
    expect(next(leading, { idle: '9', roots: ['/c'] })).to.include({ idleMs: 9_000, heartbeatMs: 3_000 })
    expect(next(leading, { roots: ['/c'] }).roots).to.deep.equal(['/c'])
    expect(next(leading, {}, { MSGVAN_IDLE: '9', MSGVAN_TOKEN: 'x' })).to.include({
      idleMs: 9_000,
      token: 'x',
    })
    expect(() => next({}, { store: '' }), 'a flag that says nothing').to.throw(/--store: a folder/)
    expect(next(leading, {}, { MSGVAN_LEADER: '0', MSGVAN_WATCH: '0' })).to.include({
      leader: false,
      watch: false,
    })
  })

  it('go together: who joins now does not lead any more, and a certificate comes with its key', () => {
    expect(next(leading, { join: 'http://10.0.0.1' })).to.include({
      leader: false,
      join: 'http://10.0.0.1:1900',
    })
    expect(next({ join: '10.0.0.1' }, { leader: true })).to.include({ leader: true, join: undefined })
    expect(() => next(leading, { tlsCert: '/other' })).to.throw(/goes with its key/)
    expect(next(leading, { tlsCert: '/other', tlsKey: '/its' })).to.include({
      tlsCert: '/other',
      tlsKey: '/its',
    })
  })

  it('has the given settings in its file, without defaults', () => {
    const told = (given: HostFlags, before: HostFlags = {}, env: NodeJS.ProcessEnv = {}) => {
      const flags = goingOn(given, before, env)
      return settingsGiven(hostSettings(flags, env), flags, before, env)
    }
    expect(told({ verbose: false })).to.deep.equal({})
    expect(told({ store: '/store' }, { idle: '5' }, { MSGVAN_HEARTBEAT: '3' })).to.deep.equal({
      store: '/store',
      idle: '5',
      heartbeat: '3',
    })
    expect(told({ join: '10.0.0.1' }, { leader: true })).to.deep.equal({ join: 'http://10.0.0.1:1900' })
    expect(told({ capabilities: '{"a":1}' })).to.deep.equal({ capabilities: '{"a":1}' })
    expect(told(leading)).to.deep.equal(leading)
    // A client that logs more is no reason for all hosts to come to log more.
    expect(told({ auto: true, verbose: true })).to.deep.equal({})
    expect(told({ auto: true }, { verbose: true })).to.deep.equal({ verbose: true })
  })
})
