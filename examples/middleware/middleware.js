// Three pieces of middleware: a tenant in the headers, validation, and encrypted payloads.
//
//   node examples/middleware/middleware.js
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { van } from 'msgvan'

/**
 * @param {string} name
 * @returns {import('msgvan').Middleware}
 */
function tenant(name) {
  return {
    publish: (message, next) => next({ headers: { ...message.headers, tenant: name } }),
    deliver: (message, next) => {
      // Without next() the subscriber does not see the message.
      if (message.headers.tenant === name) next()
    },
  }
}

/**
 * @param {(payload: any) => boolean} isValid
 * @returns {import('msgvan').Middleware}
 */
function validation(isValid) {
  return {
    publish: (message, next) => {
      if (!isValid(message.payload))
        throw new TypeError(`This is not an order: ${JSON.stringify(message.payload)}`)
      return next()
    },
  }
}

/**
 * @param {Buffer} key
 * @returns {import('msgvan').Middleware}
 */
function encryption(key) {
  return {
    publish: ({ payload, headers }, next) => {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv)
      const sealed = Buffer.concat([cipher.update(JSON.stringify(payload)), cipher.final()])
      const tag = cipher.getAuthTag().toString('base64')
      return next({ payload: sealed, headers: { ...headers, iv: iv.toString('base64'), tag } })
    },
    deliver: (message, next) => {
      const { iv = '', tag = '', ...headers } = message.headers
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64'))
      decipher.setAuthTag(Buffer.from(tag, 'base64'))
      const text = Buffer.concat([decipher.update(/** @type {Buffer} */ (message.payload)), decipher.final()])
      next({ payload: JSON.parse(text.toString()), headers })
    },
  }
}

const key = randomBytes(32)
// A publish passes from left to right, a delivery from right to left.
const use = [validation(order => typeof order.total === 'number'), tenant('acme'), encryption(key)]
const bus = van({ embedded: true, use })

bus.topic('orders.created').subscribe(({ payload, headers }) => console.log(payload, headers))
await bus.publish('orders.created', { id: 7, total: 9.5 })
await bus.publish('orders.created', { id: 8 }).catch(error => console.log(error.message))
await bus.close()
