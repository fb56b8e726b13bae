import { expect } from 'chai'
import winston from 'winston'
import { van } from '../../src/index.js'
import { eventually } from '../support/eventually.js'

describe("log: what a bus could tell no caller, in the user's own logger", () => {
  for (const kind of ['embedded', 'over a host'] as const) {
    it(`is logged once, of a bus ${kind}`, async () => {
      const lines: string[] = []
      const logger = winston.createLogger({
        format: winston.format.printf(({ level, message }) => {
          lines.push(`${level} ${String(message)}`)
          return ''
        }),
        silent: false,
        // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston's own types
        transports: [new winston.transports.Console({ log: (_info, next: () => void) => next() })],
      })
      const bus = van(
        kind === 'embedded' ? { embedded: true, logger } : { port: 9, autoStart: false, logger },
      )
      if (kind === 'embedded') {
        bus.topic('t', { attempts: 1 }).subscribe(() => {
          throw new Error('broken')
        })
        await bus.publish('t')
      } else bus.subject('t').next(() => 1)
      const code = kind === 'embedded' ? 'MSGVAN_SUBSCRIBER' : 'MSGVAN_INVALID_PAYLOAD'
      await eventually(() => {
        expect(lines.filter(line => line.startsWith(`warn van default: ${code} `))).to.have.lengthOf(1)
      })
      await bus.close({ drain: false })
      void bus.publish('t')
      await eventually(() => {
        expect(lines.filter(line => line.includes('MSGVAN_CLOSED'))).to.have.lengthOf(1)
      })
    })
  }

  it('has the code of the error, and the stack of what the app threw, as fields', async () => {
    const entries: Record<string, unknown>[] = []
    const logger = winston.createLogger({
      format: winston.format(info => {
        entries.push({ ...info })
        return info
      })(),
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston's own types
      transports: [new winston.transports.Console({ log: (_info, next: () => void) => next() })],
    })
    const bus = van({ embedded: true, logger })
    bus.topic('t', { attempts: 1 }).subscribe(function ofTheApp() {
      throw new Error('broken')
    })
    await bus.publish('t')
    const entry = await eventually(() => {
      const found = entries.find(({ code }) => code === 'MSGVAN_SUBSCRIBER')
      expect(found).to.not.equal(undefined)
      return found
    })
    expect(entry?.['stack']).to.contain('ofTheApp')
    expect(entry?.['message']).to.equal(
      'van default: MSGVAN_SUBSCRIBER A subscriber of "t" threw: Error: broken',
    )
    await bus.close()
  })

  it('refuses an argument that is not a logger', () => {
    for (const logger of [{ log: () => undefined }, {}, 'console', () => undefined])
      expect(() => van({ embedded: true, logger: logger as unknown as Console })).to.throw(
        /^logger is a winston logger/,
      )
  })
})
