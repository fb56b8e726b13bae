/**
 * Operators at work on a log file that grows. Every line is published as it is written; a pipeline picks the failures, groups
 * them by service, counts them window by window, and publishes what it found for whoever wants to see it.
 *
 *   node show.js                 in one terminal
 *   node pipeline.js [FILE]      in another; without FILE a log is made that grows for three seconds
 *
 * A line of the log reads `time service status duration`, e.g. `2026-01-31T12:00:00Z checkout 503 812ms`.
 */
import process from 'node:process'
import { bufferTime, filter, groupBy, lastValueFrom, map, mergeMap, takeWhile } from 'rxjs'
import { handle, publishTo, van } from 'msgvan'
import { follow, growingLog } from './log-file.js'

const bus = van()

const reports$ = bus.topic(/^log\.line$/).pipe(
  // Settles each line: what cannot be read is tried twice, then kept as a dead letter, and the rest goes on.
  handle(message => parse(String(message.payload)), { attempts: 2, delay: 100 }),
  takeWhile(request => request !== undefined),
  filter(request => request.status >= 500),
  groupBy(request => request.service),
  mergeMap(requests$ =>
    requests$.pipe(
      bufferTime(1_000),
      filter(window => window.length > 0),
      map(window => ({
        service: requests$.key,
        failures: window.length,
        slowest: Math.max(...window.map(request => request.duration)),
      })),
    ),
  ),
  publishTo(bus, report => `failures.${report.service}`),
)

bus.deadLetters().subscribe(letter => console.log('given up:', JSON.stringify(letter.payload)))

const ended = lastValueFrom(reports$, { defaultValue: undefined })
await bus.ready()

for await (const line of follow(process.argv[2] ?? (await growingLog()))) {
  await bus.publish('log.line', line)
  if (line === 'closed') break
}
await ended
await bus.close()

/**
 * What a line says; undefined for the last one.
 *
 * @param {string} line
 */
function parse(line) {
  if (line === 'closed') return undefined
  const [, service, status, duration] = /^\S+ (\w+) (\d{3}) (\d+)ms$/.exec(line) ?? []
  if (service === undefined) throw new Error('not a line of the access log')
  return { service, status: Number(status), duration: Number(duration) }
}
