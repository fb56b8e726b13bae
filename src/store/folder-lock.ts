import { createHmac } from 'node:crypto'
import { statSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StoreInUseError } from '../errors.js'
import { lockKey } from './private-files.js'

/**
 * Makes sure that one process has the folder. A socket is the lock, so that it goes with the process however that ends;
 * on Linux one without a file, on Windows a pipe. Its name is made with a key that only this user can read: another
 * user who can look at the folder cannot take the name first.
 *
 * @returns a function that unlocks it
 * @throws StoreInUseError
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const { dev, ino } = statSync(folder)
  const id = createHmac('sha256', lockKey(folder)).update(`${dev}:${ino}`).digest('hex').slice(0, 32)
  const address = addressOf(id)
  const server = (await listens(address)) ?? (await listensAfterTheDead(address))
  if (server === undefined) {
    throw new StoreInUseError(
      `The store in ${folder} is in use by another host. Stop that one (\`msgvan stop\`), or give this one a folder of its own.`,
    )
  }
  return () => new Promise(resolve => server.close(() => resolve()))
}

function addressOf(id: string): string {
  if (process.platform === 'linux') return `\0msgvan-store-${id}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\msgvan-store-${id}`
  return join(tmpdir(), `msgvan-${id}.sock`)
}

function listens(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer(socket => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => resolve(server.unref()))
  })
}

/** If the socket is a file, it outlives its process. */
async function listensAfterTheDead(address: string): Promise<Server | undefined> {
  if (!address.endsWith('.sock') || (await answers(address))) return undefined
  unlinkSync(address)
  return listens(address)
}

function answers(address: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(address)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
  })
}
