import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Ended {
  readonly code: number | null
  readonly out: string[]
  readonly err: string[]
  readonly pid: number
}

const room = new URL('../../src/log/', import.meta.url).href
const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Runs a program that has `createLogger` and `options` at hand, to its own end. One that does not end is killed: code null. */
export async function runChild(
  program: string,
  options: object,
  flags: string[] = [],
  timeout = 15_000,
): Promise<Ended> {
  const code = `import { createLogger } from '${room}logger.js'; const options = ${JSON.stringify(options)};\n${program}`
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', code], {
    cwd: root,
    timeout,
  })
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk))
  const ended = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  )
  return { code: ended, out: linesOf(text.out), err: linesOf(text.err), pid: child.pid ?? 0 }
}

/** An unreferenced timer fires only where something else keeps the process alive. */
export const tellIfHeld = `setTimeout(() => { console.log('held'); process.exit() }, 500).unref();`

/** What a failed or skipped build of unix-dgram looks like to whoever loads it. */
export const withoutUnixDgram = `--import=data:text/javascript,${encodeURIComponent(`
  import { Module } from 'node:module'
  const load = Module._load
  Module._load = function (name, ...rest) {
    if (name === 'unix-dgram') throw Object.assign(new Error("Cannot find module 'unix-dgram'\\nRequire stack:"), { code: 'MODULE_NOT_FOUND' })
    return load.call(this, name, ...rest)
  }`)}`

function linesOf(text: string): string[] {
  return text.split('\n').filter(line => line !== '')
}
