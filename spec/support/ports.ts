import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/**
 * Ports for hosts: outside of the range from which the system takes a port for an outgoing connection or for `listen(0)`.
 * In there, anybody could get the port of a host while a spec starts it again.
 */
const [FIRST, COUNT] = outsideOf(ephemeral())

/** Processes of mocha that run at the same time have ports of their own. */
const WORKERS = 16
const worker = Number(process.env['MOCHA_WORKER_ID'] ?? 0) % WORKERS
const mine = Math.floor(COUNT / WORKERS)

/** Not the same for another run on this machine, most likely. */
let next = Math.floor(Math.random() * mine)

/** A port that was free a moment ago, and that nobody in this process had before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + worker * mine + next
    next = (next + 1) % mine
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function ephemeral(): [number, number] {
  try {
    const [first = 0, last = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
      .split(/\s+/)
      .map(Number)
    return [first, last]
  } catch {
    // As other systems have it.
    return [49_152, 65_535]
  }
}

/** The larger part beside that range. */
function outsideOf([first, last]: [number, number]): [first: number, count: number] {
  const LOWEST = 10_000
  const below = first - LOWEST
  const above = 65_535 - last
  return below >= above ? [LOWEST, Math.max(below, 1_000)] : [last + 1, above]
}
