import { expectTypeOf } from 'expect-type'
import { van, type Headers, type Message, type Middleware, type MiddlewareKind } from '../../src/index.js'

/** What the compiler must say. Built with everything else, never run. */

export const all: Middleware = {
  publish: async (message, next, kind) => {
    expectTypeOf(message.payload).toEqualTypeOf<unknown>()
    expectTypeOf(message.headers).toEqualTypeOf<Headers>()
    expectTypeOf(kind).toEqualTypeOf<MiddlewareKind>()
    await next()
    await next({ ...message, payload: 1 })
    // @ts-expect-error headers are texts
    await next({ headers: { n: 1 } })
    // @ts-expect-error the topic stays
    await next({ topic: 'other' })
    // @ts-expect-error a message of the app's own is not changed
    message.payload = 1
  },
  deliver: (message, next) => {
    expectTypeOf(message).toEqualTypeOf<Message>()
    next({ payload: 1, headers: { a: 'b' } })
    // @ts-expect-error the topic stays
    next({ topic: 'other' })
  },
}

export function given(): void {
  van({ use: [all] })
  // @ts-expect-error one middleware is not a list
  van({ use: all })
  // @ts-expect-error a misspelt part
  van({ use: [{ published: () => undefined }] })
  // @ts-expect-error publish is a function
  van({ use: [{ publish: 7 }] })
}
