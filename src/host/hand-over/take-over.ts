import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { firstValueFrom } from 'rxjs/internal/firstValueFrom'
import { filter } from 'rxjs/internal/operators/filter'
import { askHost } from '../../daemon/find/ask.js'
import { isGoneWithin } from '../../daemon/gone.js'
import { somebodyListens } from '../../daemon/find/listens.js'
import type { StatePaths } from '../../state/paths.js'
import { isHostOn, readPidHint } from '../../state/pid-hint.js'
import { HostUnreachableError, VersionMismatchError } from '../../errors.js'
import { newIdentity } from '../../wire/client-identity.js'

interface Place {
  readonly port: number
  readonly paths: StatePaths
}

/** A host with a large memory needs time. */
const WRITING_MS = 300_000
const ENDING_MS = 20_000
/** A request for a hand-over is valid this long. */
const WANTED_MS = 60_000

/**
 * The present host hands over all of its memory; this waits until its port is free. Without a host it does nothing.
 *
 * @throws the present host's error: then it runs on. HostUnreachableError if it does not answer, or does not end
 */
export async function takeOver(place: Place): Promise<void> {
  const { port } = place
  if (!(await somebodyListens(port))) return
  const pid = await ask(place).catch((error: unknown) => {
    if (error instanceof VersionMismatchError) return askBySignal(place, error)
    throw error
  })
  if (await isGoneWithin(ENDING_MS, pid, port)) return
  throw new HostUnreachableError(
    `Host ${pid} on port ${port} has handed over, and does not end. Run \`msgvan stop\`.`,
  )
}

/** @returns its process */
async function ask({ port, paths }: Place): Promise<number> {
  const client = await newIdentity()
  return askHost(
    { port, paths, client },
    async broker => {
      const { pid } = (await broker.control.status()).host
      // Its answer may be lost with the connection: the lost connection is answer enough.
      const gone = firstValueFrom(broker.state$.pipe(filter(state => state === 'reconnecting')), {
        defaultValue: 'closed',
      })
      await Promise.race([broker.callHost('handOver', { client: client.id }), gone])
      return pid
    },
    WRITING_MS,
  )
}

/**
 * A host of another protocol understands a file and a signal.
 *
 * @returns its process
 */
async function askBySignal({ port, paths }: Place, why: VersionMismatchError): Promise<number> {
  const pid = await readPidHint(paths, port)
  if (pid === undefined || !(await isHostOn(pid, port))) throw why
  const wanted = paths.handOverWanted(port)
  await writeFile(wanted, `${Date.now()}\n`, { mode: 0o600 })
  try {
    process.kill(pid, 'SIGTERM')
    for (const until = performance.now() + WRITING_MS; performance.now() < until;) {
      if (await isGoneWithin(200, pid, port)) return pid
      // It removes the file when it is finished, or cannot do it.
      if (!existsSync(wanted) && !(await isGoneWithin(ENDING_MS, pid, port)))
        throw new HostUnreachableError(
          `Host ${pid} on port ${port} could not hand over its memory, and runs on: see its log.`,
        )
    }
    throw new HostUnreachableError(`Host ${pid} on port ${port} does not hand over its memory.`)
  } finally {
    await rm(wanted, { force: true })
  }
}

export async function isHandOverWanted(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return Math.abs(Date.now() - Number(text.trim() || '0')) < WANTED_MS
}
