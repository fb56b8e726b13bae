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
})
