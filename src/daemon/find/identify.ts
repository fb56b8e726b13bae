import { request } from 'node:http'
import { PortTakenError } from '../../errors.js'
import { LOOPBACK } from './listens.js'

/**
 * The knowledge about a port without giving anything away. Silence proves nothing. `ending`: it cuts the connection off,
 * as the system does for a process that ends.
 */
export type Identity = 'nothing' | 'maybe a host' | 'a stranger' | 'silent' | 'ending'

/**
 * Requests a resource that every host refuses in the same way: engine.io's long polling. A server that refuses it
 * otherwise is not a host. The handshake proves a host.
 */
export function identify(port: number, timeout = 2_000): Promise<Identity> {
  return new Promise(resolve => {
    const asked = request(
      { host: LOOPBACK, port, path: '/socket.io/?EIO=4&transport=polling', agent: false, timeout },
      response => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          body += text
          if (body.length > 1_000) {
            resolve('a stranger')
            response.destroy()
          }
        })
        response.on('close', () => {
          if (!response.complete) resolve('ending')
          else resolve(response.statusCode === 400 && isRefusal(body) ? 'maybe a host' : 'a stranger')
        })
      },
    )
    asked.on('timeout', () => {
      resolve('silent')
      asked.destroy()
    })
    asked.on('error', (error: NodeJS.ErrnoException) => {
      // Node's parser (HPE_…) finds a stranger that speaks another protocol.
      if (error.code === 'ECONNREFUSED') resolve('nothing')
      else if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve('ending')
      else resolve(error.code?.startsWith('HPE_') === true ? 'a stranger' : 'silent')
    })
    asked.end()
  })
}

export function portTaken(port: number): PortTakenError {
  return new PortTakenError(
    `Port ${port} is taken by a process that is not a msgvan host. Use another port for the host: --port, MSGVAN_PORT, or the option \`port\`.`,
  )
}

function isRefusal(body: string): boolean {
  try {
    const refusal: unknown = JSON.parse(body)
    return typeof refusal === 'object' && refusal !== null && 'code' in refusal && refusal.code === 0
  } catch {
    return false
  }
}
