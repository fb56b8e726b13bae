import { expect } from 'chai'
import {
  hostSettings,
  isLoopback,
  portSetting,
  vanSetting,
  verboseSetting,
  autoStartSetting,
  tokenSetting,
  listenAt,
} from '../../../src/host/process/settings.js'
import { InvalidOptionError } from '../../../src/errors.js'

describe('the settings of a host', () => {
  it('have defaults', () => {
    expect(hostSettings({}, {})).to.deep.equal({
      leader: false,
      join: undefined,
      tlsCert: undefined,
      tlsKey: undefined,
      tlsCa: undefined,
      port: 1900,
      listen: '127.0.0.1',
      token: undefined,
      principals: undefined,
      auto: false,
      idleMs: 0,
      sessionTtlMs: 60_000,
      heartbeatMs: 10_000,
      maxPayload: 8_388_608,
      clientMemory: 67_108_864,
      dedupeMs: 120_000,
      vanMemory: 536_870_912,
      hostMemory: 1_073_741_824,
      origins: [],
      verbose: false,
      watch: false,
      capabilities: {},
      roots: [],
      store: undefined,
      retainAgeMs: Infinity,
      retainBytes: 1_073_741_824,
      storeFloor: 67_108_864,
      workerMemory: 1_073_741_824,
      maxWorkers: 128,
      workerEnv: [],
    })
  })

  it('have another default of idle minutes for a host that a client starts', () => {
    expect(hostSettings({ auto: true }, {})).to.include({ auto: true, idleMs: 600_000 })
    expect(hostSettings({ auto: true, idle: '7' }, {}).idleMs).to.equal(7_000)
    expect(hostSettings({ auto: true }, { MSGVAN_IDLE: '0' }).idleMs).to.equal(0)
  })

  it('come from the environment, and flags rule over it', () => {
    const env = {
      MSGVAN_PORT: '2000',
      MSGVAN_LISTEN: '0.0.0.0',
      MSGVAN_TOKEN: 'from env',
      MSGVAN_IDLE: '1.5',
      MSGVAN_SESSION_TTL: '5',
      MSGVAN_HEARTBEAT: '2.5',
      MSGVAN_MAX_PAYLOAD: '1000',
      MSGVAN_DEDUPE: '30',
      MSGVAN_CLIENT_MEMORY: '2000',
      MSGVAN_VAN_MEMORY: '3000',
      MSGVAN_HOST_MEMORY: '4000',
      MSGVAN_ORIGINS: 'https://a.example, https://b.example',
      MSGVAN_VERBOSE: '1',
      MSGVAN_WATCH: '1',
      MSGVAN_CAPABILITIES: '{"a":1}',
      MSGVAN_ROOTS: '/a:/b',
      MSGVAN_STORE: '/s',
      MSGVAN_JOIN: '10.0.0.5',
      MSGVAN_TLS_CERT: '/cert',
      MSGVAN_TLS_KEY: '/key',
      MSGVAN_TLS_CA: '/ca',
      MSGVAN_RETAIN_AGE: '60',
      MSGVAN_RETAIN_BYTES: '5000',
      MSGVAN_STORE_FLOOR: '6000',
      MSGVAN_WORKER_MEMORY: '7000',
      MSGVAN_MAX_WORKERS: '5',
      MSGVAN_WORKER_ENV: 'A B',
    }
    expect(hostSettings({}, env)).to.deep.equal({
      leader: false,
      join: 'https://10.0.0.5:1900',
      tlsCert: '/cert',
      tlsKey: '/key',
      tlsCa: '/ca',
      port: 2000,
      listen: '0.0.0.0',
      token: 'from env',
      principals: undefined,
      auto: false,
      idleMs: 1500,
      sessionTtlMs: 5_000,
      heartbeatMs: 2_500,
      maxPayload: 1_000,
      clientMemory: 2_000,
      dedupeMs: 30_000,
      vanMemory: 3_000,
      hostMemory: 4_000,
      origins: ['https://a.example', 'https://b.example'],
      verbose: true,
      watch: true,
      capabilities: { a: 1 },
      roots: ['/a', '/b'],
      store: '/s',
      retainAgeMs: 60_000,
      retainBytes: 5_000,
      storeFloor: 6_000,
      workerMemory: 7_000,
      maxWorkers: 5,
      workerEnv: ['A', 'B'],
    })
    const flags = {
      port: '3',
      listen: 'localhost',
      token: 't',
      idle: '0',
      sessionTtl: '6',
      heartbeat: '1',
      maxPayload: '7',
      clientMemory: '8',
      dedupe: '40',
      vanMemory: '9',
      hostMemory: '10',
      origins: ['https://c.example'],
      capabilities: '{}',
      roots: ['/c'],
      store: '/d',
      retainAge: '1.5',
      retainBytes: '8',
      storeFloor: '9',
      workerMemory: '10',
      maxWorkers: '6',
      workerEnv: ['C'],
      join: 'b:2',
      tlsCert: '/cert2',
      tlsKey: '/key2',
      tlsCa: '/ca2',
    }
    expect(hostSettings(flags, env)).to.deep.equal({
      leader: false,
      join: 'https://b:2',
      tlsCert: '/cert2',
      tlsKey: '/key2',
      tlsCa: '/ca2',
      port: 3,
      listen: '127.0.0.1',
      token: 't',
      principals: undefined,
      auto: false,
      idleMs: 0,
      sessionTtlMs: 6_000,
      heartbeatMs: 1_000,
      maxPayload: 7,
      clientMemory: 8,
      dedupeMs: 40_000,
      vanMemory: 9,
      hostMemory: 10,
      origins: ['https://c.example'],
      verbose: true,
      watch: true,
      capabilities: {},
      roots: ['/c'],
      store: '/d',
      retainAgeMs: 1_500,
      retainBytes: 8,
      storeFloor: 9,
      workerMemory: 10,
      maxWorkers: 6,
      workerEnv: ['C'],
    })
  })

  it('take an empty variable as none', () => {
    expect(portSetting(undefined, { MSGVAN_PORT: '' })).to.equal(1900)
    expect(vanSetting(undefined, { MSGVAN_VAN: '' })).to.equal('default')
    expect(tokenSetting(undefined, { MSGVAN_TOKEN: '' })).to.equal(undefined)
  })

  for (const port of ['0', '65536', '-1', '1.5', 'x', '1e3', '0x10', ' 1']) {
    it(`refuse the port ${JSON.stringify(port)} by the flag's or the variable's name`, () => {
      expect(() => portSetting(port, {})).to.throw(InvalidOptionError, /^--port: .*65535.*"/)
      expect(() => portSetting(undefined, { MSGVAN_PORT: port })).to.throw(
        InvalidOptionError,
        /^MSGVAN_PORT: /,
      )
    })
  }

  it('refuse what an address, an idle time, capabilities and switches cannot be', () => {
    for (const listen of ['', 'example.org', '1.2.3', '*'])
      expect(() => hostSettings({ listen }, {})).to.throw(/^--listen: /)
    for (const idle of ['', '-1', '1h', 'Infinity', '1e5', '99999999999'])
      expect(() => hostSettings({ idle }, {})).to.throw(/^--idle: /)
    for (const capabilities of ['', '1', 'null', '[]', '{', '{"\\ud800":1}']) {
      expect(() => hostSettings({ capabilities }, {})).to.throw(/^--capabilities: /)
    }
    expect(() => verboseSetting(undefined, { MSGVAN_VERBOSE: 'maybe' })).to.throw(/^MSGVAN_VERBOSE: /)
    expect(() => autoStartSetting(undefined, { MSGVAN_START: '2' })).to.throw(/^MSGVAN_START: /)
  })

  it('refuse a setting of a store for a host without one', () => {
    for (const [flags, name] of [
      [{ retainAge: '60' }, '--retain-age'],
      [{ retainBytes: '1000' }, '--retain-bytes'],
      [{ storeFloor: '0' }, '--store-floor'],
    ] as const) {
      expect(() => hostSettings(flags, {})).to.throw(InvalidOptionError, new RegExp(`^${name} .*--store DIR`))
      expect(hostSettings(flags, { MSGVAN_STORE: '/tmp' })).to.have.property('store')
      expect(hostSettings({ ...flags, store: '/tmp' }, {})).to.have.property('store')
    }
    expect(hostSettings({}, { MSGVAN_RETAIN_AGE: '60' })).to.include({
      retainAgeMs: 60_000,
      store: undefined,
    })
  })

  it('never repeat a token', () => {
    expect(() => tokenSetting('  ', {})).to.throw(
      InvalidOptionError,
      /^--token: a token must not be empty\.$/,
    )
  })

  it('take idle times of years: no timer is that long', () => {
    expect(hostSettings({ idle: '10000000000' }, {}).idleMs).to.equal(1e13)
  })

  it("take an address of a leader's own, with a port or without", () => {
    expect(listenAt('10.0.0.5')).to.deep.equal({ listen: '10.0.0.5', port: undefined })
    expect(listenAt('10.0.0.5:80')).to.deep.equal({ listen: '10.0.0.5', port: 80 })
    expect(listenAt('[::1]:1901')).to.deep.equal({ listen: '::1', port: 1901 })
    expect(listenAt('::1')).to.deep.equal({ listen: '::1', port: undefined })
  })

  it('know loopback', () => {
    for (const address of ['127.0.0.1', '127.1.2.3', '::1'])
      expect(isLoopback(address), address).to.equal(true)
    for (const address of ['0.0.0.0', '::', '192.168.1.2', '::ffff:1.2.3.4', '128.0.0.1']) {
      expect(isLoopback(address), address).to.equal(false)
    }
  })
})
