/**
 * `npm run demo`: simple.js as it is meant, with a consumer, a producer and a host as three processes. It uses a state folder
 * and a port of its own, so it meets no host that runs already, and stops what it started.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const patience = 60_000
const lines = ['hello', 'from another process', 'and good night']

const simple = fileURLToPath(new URL('simple.js', import.meta.url))
const packageJson = import.meta.resolve('msgvan/package.json')
const { bin } = JSON.parse(await readFile(fileURLToPath(packageJson), 'utf8'))
const msgvan = fileURLToPath(new URL(bin.msgvan, packageJson))

const home = await mkdtemp(join(tmpdir(), 'msgvan-demo-'))
const port = String(await freePort())
const env = {
  ...process.env,
  MSGVAN_HOME: home,
  MSGVAN_PORT: port,
  MSGVAN_TOKEN: '',
  MSGVAN_VAN: '',
  MSGVAN_START: '',
}

const stop = new AbortController()
const timer = setTimeout(
  () => stop.abort(new Error(`the lines did not come within ${patience / 1000} s`)),
  patience,
)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)))
}

try {
  await demo()
} catch (error) {
  const why = stop.signal.aborted ? stop.signal.reason : error
  console.error(`\nThe demo failed: ${why instanceof Error ? why.message : String(why)}.`)
  await showHostOutput()
  process.exitCode = 1
} finally {
  clearTimeout(timer)
  await stopHost()
}

async function demo() {
  say('$ node simple.js consumer')
  await run([simple, 'consumer'])
  const { host } = JSON.parse(await run([msgvan, 'status', '--json']))
  console.log(
    `  The handler is registered and this process has ended. The host started by itself: process ${host.pid}.`,
  )

  say('$ node simple.js producer')
  for (const line of lines) console.log(`  ${line}`)
  await run([simple, 'producer'], lines.map(line => `${line}\n`).join(''))

  say('$ npx msgvan logs simple --follow')
  await showLog()
}

/** Shows the host's log until the handler has printed every line. */
async function showLog() {
  const logs = start([msgvan, 'logs', 'simple', '--follow'])
  const missing = new Set(lines.map(line => `Handler got ${JSON.stringify({ line })}`))
  try {
    for await (const line of createInterface({ input: logs.stdout })) {
      console.log(`  ${line}`)
      for (const text of missing) if (line.endsWith(text)) missing.delete(text)
      if (missing.size === 0) break
    }
  } finally {
    logs.kill('SIGKILL')
  }
  if (missing.size > 0) throw new Error(`the log ended without: ${[...missing].join(', ')}`)
}

async function stopHost() {
  say('$ npx msgvan stop')
  const child = spawn(process.execPath, [msgvan, 'stop'], {
    env,
    stdio: ['ignore', 1, 1], // it says on standard error what it did
    timeout: 30_000,
    killSignal: 'SIGKILL',
  })
  const code = await new Promise(resolve => child.once('exit', resolve))
  if (code === 0) {
    await rm(home, { recursive: true, force: true })
    if (!process.exitCode) console.log('  Nothing is left running.')
  } else {
    console.error(
      `The host on port ${port} could not be stopped. Run: MSGVAN_HOME=${home} msgvan stop --port ${port}`,
    )
    process.exitCode = 1
  }
}

/** What a host that ran into trouble wrote about it. */
async function showHostOutput() {
  const output = await readFile(join(home, `host-${port}.out`), 'utf8').catch(() => '')
  if (output !== '') console.error(`The host wrote:\n${output}`)
}

/**
 * Runs a program of Node's to its end and gives what it wrote.
 *
 * @param {string[]} args
 */
async function run(args, input = '') {
  const child = start(args)
  child.stdin.on('error', () => undefined).end(input)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => (output += text))
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`\`node ${args.join(' ')}\` ended with exit code ${code}`)
  return output
}

/** @param {string[]} args */
function start(args) {
  const child = spawn(process.execPath, args, {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
    signal: stop.signal,
  })
  child.on('error', () => undefined) // an abort; who waits for the process learns of it
  return child
}

/** @param {string} text */
function say(text) {
  console.log(`\n${text}`)
}

/** @returns {Promise<number>} a port that was free a moment ago */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
