import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { InvalidOptionError, InvalidPayloadError } from '../../src/errors.js'
import { knownOptions } from '../../src/message/check-option.js'
import { checkHeaders } from '../../src/message/headers.js'
import { checkNack } from '../../src/message/retry-delay.js'

class Options {
  constructor(readonly delay?: number) {}
}
/** One that rxjs and `await` take for a promise. */
class Thenable {
  readonly delay = 5
  then(): void {
    // It never settles.
  }
}

describe('options', () => {
  const check = (options: unknown) => () => knownOptions('f()', options, ['delay'])

  it('are plain objects of any realm, or instances of an app’s class', () => {
    const elsewhere: unknown = runInNewContext('({ delay: 5 })')
    for (const options of [{}, { delay: 5 }, Object.create(null), elsewhere, new Options(5), new Options()])
      expect(check(options)).not.to.throw()
  })

  it('are nothing that would count as no options at all', () => {
    const elsewhere = ['/x/', 'new Date()', 'new Map()', '[]', 'Promise.resolve({})', '(function () {})']
    for (const text of elsewhere) {
      const odd: unknown = runInNewContext(text)
      expect(check(odd), text).to.throw(InvalidOptionError, 'f() takes its options as an object')
      expect(() => checkHeaders(odd), text).to.throw(InvalidPayloadError, 'headers is an object')
    }
    for (const odd of [
      Promise.resolve({ delay: 5 }),
      new Thenable(),
      Object.create(Options.prototype),
      new URL('http://a'),
    ])
      expect(() => checkNack(odd as object)).to.throw(
        InvalidOptionError,
        'nack() takes its options as an object',
      )
  })

  it('are named in the error when they are something else', () => {
    expect(check(Promise.resolve({}))).to.throw('this is a promise: await it first.')
    expect(check(/x/)).to.throw('this is /x/, of the class RegExp.')
    expect(check(new Map())).to.throw('this is [object Map], of the class Map.')
    expect(check('text')).to.throw('this is "text".')
  })
})
