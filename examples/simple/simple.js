/**
 * A consumer and a producer in processes of their own, and this machine's host between them, which starts by itself:
 *
 *   node simple.js consumer          registers the handler below in the host, and ends
 *   node simple.js producer          publishes each line of standard input
 *   npx msgvan logs --follow         shows what the handler prints
 *   npx msgvan unsubscribe simple    takes the handler away again
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { isMainThread } from 'node:worker_threads'
import { moduleRef, van } from 'msgvan'

/**
 * Runs in the host, for every message whose topic matches.
 *
 * @param {import('msgvan').Message} message
 */
export function print(message) {
  console.log(`Handler got ${JSON.stringify(message.payload)}`)
}

async function consumer() {
  const bus = van()
  await bus.subscribeHandler('simple', moduleRef(import.meta.url, 'print'), /example.*/)
  await bus.close()
}

async function producer() {
  const bus = van()
  for await (const line of createInterface({ input: process.stdin })) {
    await bus.publish('exampletopic1', { line })
  }
  await bus.close()
}

// The host loads this module too, in a worker thread of its own, for the sake of `print`: there is nothing else to run there.
if (isMainThread) {
  const role = process.argv[2]
  if (role === 'consumer') await consumer()
  else if (role === 'producer') await producer()
  else {
    console.error('Usage: node simple.js consumer | producer')
    process.exitCode = 2
  }
}
