import { Writable } from 'node:stream'
import { expect } from 'chai'
import winston from 'winston'
import { ClosedError } from '../../src/errors.js'
import { logTo } from '../../src/log/log.js'
import { createLogger } from '../../src/log/logger.js'
import { unhandledIn } from '../support/unhandled.js'

describe("log: the user's own logger", () => {
  const lines: string[] = []
  const stream = new Writable({
    write: (chunk, _encoding, next) => {
      lines.push(String(chunk).trim())
      next()
    },
  })

  const loggerWith = (levels: winston.config.AbstractConfigSetLevels, level: string) =>
    winston.createLogger({
      levels,
      level,
      format: winston.format.printf(info => `${info.level} ${String(info.message)} ${String(info['code'])}`),
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston's own types
      transports: [new winston.transports.Stream({ stream })],
    })

  const sayAll = (logger: winston.Logger): string[] => {
    lines.length = 0
    const log = logTo(logger)
    log.error('one', new ClosedError('closed'))
    log.warning('two')
    log.info('three')
    log.debug('four', undefined)
    return lines
  }

  it('is used as it is', () => {
    const logger = loggerWith(winston.config.npm.levels, 'info')
    expect(createLogger({ program: 'x', logger })).to.equal(logger)
  })

  it('gets the levels it knows', () => {
    const error = 'one: ClosedError: closed MSGVAN_CLOSED'
    expect(sayAll(loggerWith(winston.config.npm.levels, 'silly'))).to.deep.equal([
      `error ${error}`,
      'warn two undefined',
      'info three undefined',
      'debug four: undefined undefined',
    ])
    expect(sayAll(loggerWith(winston.config.syslog.levels, 'info'))).to.deep.equal([
      `error ${error}`,
      'warning two undefined',
      'info three undefined',
    ])
    expect(sayAll(loggerWith({ loud: 0, quiet: 1 }, 'quiet'))).to.deep.equal([
      `loud ${error}`,
      'loud two undefined',
      'quiet three undefined',
      'quiet four: undefined undefined',
    ])
  })

  it('cannot throw at msgvan', () => {
    let calls = 0
    const logger = winston.createLogger({
      format: winston.format.printf(() => {
        calls++
        throw new Error('the format of the user')
      }),
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston's own types
      transports: [new winston.transports.Stream({ stream })],
    })
    logTo(logger).error('x')
    expect(calls).to.equal(1)
  })

  it('may return promises, and a rejected one ends no process', async () => {
    let calls = 0
    const fail = (): Promise<never> => {
      calls += 1
      return Promise.reject(new Error('the disk is full'))
    }
    const unhandled = await unhandledIn(() => {
      logTo({ error: fail, warn: fail, info: fail, debug: fail }).warning('x')
      logTo({ levels: { error: 0 }, log: fail } as never).error('x', new Error('why'))
      return Promise.resolve()
    })
    expect(calls).to.equal(2)
    expect(unhandled).to.deep.equal([])
  })
})
