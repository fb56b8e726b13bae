/** A log file that grows: how to follow one, and one that grows by itself for the sake of this example. */
import { rmSync } from 'node:fs'
import { appendFile, mkdtemp, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * The lines of a file, from its beginning and then as they are written. Never ends by itself.
 *
 * @param {string} path
 * @returns {AsyncGenerator<string>}
 */
export async function* follow(path) {
  const file = await open(path)
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read()
      if (bytesRead === 0) await sleep(50)
      const lines = (rest + decoder.decode(buffer.subarray(0, bytesRead), { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  } finally {
    await file.close()
  }
}

/** What a small shop might log: `time service status duration`, one broken line, and a last one that says it closed. */
const services = ['checkout', 'search', 'login']
const lines = Array.from({ length: 90 }, (_, i) => {
  const status = i % 5 === 0 ? 503 : 200
  return `${new Date().toISOString()} ${services[i % 3]} ${status} ${20 + ((i * 37) % 400)}ms`
})
lines.splice(40, 0, '\u0000\u0000 half a line from a crash')

/** Makes a log file that grows by 15 lines every 400 ms and goes with this process, and gives its path. */
export async function growingLog() {
  const folder = await mkdtemp(join(tmpdir(), 'shop-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'access.log')
  await appendFile(path, '')
  void grow(path)
  return path
}

/** @param {string} path */
async function grow(path) {
  for (let at = 0; at < lines.length; at += 15) {
    await appendFile(path, lines.slice(at, at + 15).join('\n') + '\n')
    await sleep(400)
  }
  await appendFile(path, 'closed\n')
}
