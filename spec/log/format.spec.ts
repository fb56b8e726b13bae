import { expect } from 'chai'
import fc from 'fast-check'
import { ClosedError } from '../../src/errors.js'
import { escapeControls } from '../../src/log/escape-controls.js'
import { formatLine } from '../../src/log/format.js'

describe('log: format', () => {
  it('leaves an ordinary message alone', () => {
    expect(formatLine({ level: 'info', message: 'Grüße, 東京 \\d+' })).to.equal('Grüße, 東京 \\d+')
  })

  it('escapes what could fake a line', () => {
    expect(escapeControls('a\r\nNov 23 root[1]: b\t\x1b[31m\0\x7f\u0085\u2028\u202e')).to.equal(
      'a\\r\\nNov 23 root[1]: b\\t\\x1b[31m\\x00\\x7f\\x85\\u2028\\u202e',
    )
    expect(formatLine({ message: 'x', 'a\nb': 'c\nd' })).to.equal('x a\\nb=c\\nd')
  })

  it('gives one line of at most 8,192 bytes whatever is logged', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.dictionary(fc.string(), fc.anything()),
        fc.boolean(),
        (message, fields, stacks) => {
          const line = formatLine({ ...fields, message }, { stacks })
          // eslint-disable-next-line no-control-regex
          expect(line).to.not.match(/[\x00-\x1f\x7f-\x9f]/)
          expect(Buffer.byteLength(line)).to.be.lessThan(8_192)
        },
      ),
    )
  })

  it('cuts what is too long, between characters, and says how much there was', () => {
    const line = formatLine({ message: '€'.repeat(1_000_000) })
    expect(line).to.match(/^€{2666}… \(cut, \d+ bytes\)$/)
    expect(formatLine({ message: 'a'.repeat(8_000) })).to.equal('a'.repeat(8_000))
  })

  it('shows the code of an error always, its stack in debug only', () => {
    const error = new ClosedError('the bus is closed', { cause: new Error('why\nnot') })
    expect(formatLine({ message: 'publish failed', error })).to.equal(
      'publish failed error=ClosedError: the bus is closed (cause: Error: why\\nnot) [MSGVAN_CLOSED]',
    )
    expect(formatLine({ message: error, code: 'X' }))
      .to.include('ClosedError: the bus is closed')
      .and.include('[X]')
    const long = formatLine({ message: 'publish failed', error }, { stacks: true })
    expect(long).to.include('[MSGVAN_CLOSED]').and.include('\\n    at ').and.include('format.spec')
    expect(long).to.not.include('\n')
  })

  it('survives what cannot be shown', () => {
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    const hostile = {
      get message(): never {
        throw new Error('no')
      },
    }
    expect(formatLine({ message: 'm', cyclic, big: 1n, none: undefined })).to.equal(
      'm cyclic=[object Object] big=1',
    )
    expect(formatLine(hostile)).to.equal('an entry that cannot be shown')
  })
})
