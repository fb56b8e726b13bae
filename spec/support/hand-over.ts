import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readHandOver, type HandedOver } from '../../src/host/hand-over/read.js'
import { writeHandOver } from '../../src/host/hand-over/write.js'
import type { HostServer } from '../../src/host/listen/server.js'

/**
 * Hands the memory of a host to the next one at its port, as `msgvan restart` does.
 *
 * @param host the id of the one before
 * @param start the next one, which waits with its clients (`awaitsServices`)
 */
export async function handOver(
  before: HostServer,
  host: string,
  start: () => Promise<HostServer>,
): Promise<HandedOver> {
  await new Promise(resolve => setImmediate(resolve))
  const folder = mkdtempSync(join(tmpdir(), 'msgvan-hand-over-'))
  try {
    const path = join(folder, 'handover')
    writeHandOver(path, before.sessions.transfer.held, { host, staysBehind: () => false })
    before.sessions.transfer.abandon(() => false)
    await before.close()
    const next = await start()
    const handed = readHandOver(path, next.sessions.transfer)
    next.ready()
    return handed
  } finally {
    rmSync(folder, { recursive: true })
  }
}
