import Transport from 'winston-transport'
import { consoleFallback, type Fallback } from './fallback.js'
import { LEVEL, MESSAGE, type Sent, type SyslogSocket } from './syslog-socket.js'

export interface SyslogTransportOptions {
  readonly program: string
  readonly socket: SyslogSocket
  readonly fallback: Fallback
  /** How often an absent syslog is tried again, in ms. Default 5,000. */
  readonly retryEvery?: number
}

interface Line {
  readonly level: string
  readonly text: string
  readonly at: number
}

/** At most this many lines wait, and only for a syslog that is there but full. */
const MAX_WAITING = 1_000
/** A full syslog is tried again after this … */
const FULL_RETRY_MS = 20
/** … and given up after this. */
const FULL_PATIENCE_MS = 3_000

/**
 * Sends lines to syslog while it takes them, otherwise to the fallback. Reports once when it goes away and once when it
 * is back. Every line is handled before `log` returns, so winston's own unbounded buffers never fill. Holds no handle
 * that keeps the process alive.
 */
export class SyslogTransport extends Transport {
  readonly #program: string
  readonly #socket: SyslogSocket
  readonly #fallback: Fallback
  readonly #retryEvery: number
  readonly #waiting: Line[] = []
  readonly #atExit = () => this.#giveUpWaiting()
  #state: 'there' | 'away' | 'unusable' = 'there'
  #meanwhile = 0
  #fullSince = 0
  #timer: NodeJS.Timeout | undefined
  #guarded = false

  constructor({ program, socket, fallback, retryEvery = 5_000 }: SyslogTransportOptions) {
    super()
    this.#program = program
    this.#socket = socket
    this.#fallback = fallback
    this.#retryEvery = retryEvery
  }

  override log(info: Readonly<Record<symbol, unknown>>, next: () => void): void {
    this.#take({ level: String(info[LEVEL]), text: String(info[MESSAGE]), at: Date.now() })
    this.emit('logged', info)
    // As winston-transport itself does for lines that it filters out: otherwise each line of a burst leaves a callback
    // for the next turn of the event loop.
    ;(this as unknown as { _writableState: { sync: boolean } })._writableState.sync = false
    next()
  }

  override close(): void {
    this.#giveUpWaiting()
    clearTimeout(this.#timer)
    this.#socket.close()
    this.#fallback.close()
  }

  #take(line: Line): void {
    if (this.#state !== 'there') return this.#fallBack(line)
    this.#waiting.push(line)
    this.#send()
  }

  /** Sends the waiting lines, in order. */
  #send(): void {
    let line: Line | undefined
    while ((line = this.#waiting[0]) !== undefined) {
      const sent = this.#socket.send(line.level, line.text)
      if (sent.state !== 'sent') return this.#refused(sent)
      this.#waiting.shift()
    }
    this.#fullSince = 0
    this.#guard(false)
  }

  #refused(sent: Exclude<Sent, { state: 'sent' }>): void {
    if (sent.state === 'full') {
      this.#fullSince ||= performance.now()
      const patient = performance.now() - this.#fullSince < FULL_PATIENCE_MS
      if (patient && this.#waiting.length <= MAX_WAITING) {
        this.#guard(true)
        return this.#again(FULL_RETRY_MS, () => this.#send())
      }
    }
    this.#leave(sent.state === 'unusable' ? 'unusable' : 'away', sent.reason)
  }

  #leave(state: 'away' | 'unusable', reason: string): void {
    this.#state = state
    this.#fullSince = 0
    this.#meanwhile = 0
    const until = state === 'away' ? ' until it is back' : ''
    // A machine without a syslog is not worth a line, and on the console you see the lines.
    if (!this.#socket.isMissing || this.#fallback !== consoleFallback)
      this.#note(
        `syslog at ${this.#socket.path} takes no lines (${reason}): logging goes to ${this.#fallback.name}${until}`,
      )
    this.#spill()
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (state === 'away') this.#again(this.#retryEvery, () => this.#probe())
  }

  /** The line that reports "back" also tests whether it is. */
  #probe(): void {
    const count = this.#meanwhile === 1 ? '1 line' : `${this.#meanwhile} lines`
    const back = `syslog at ${this.#socket.path} is back: ${count} went to ${this.#fallback.name} meanwhile`
    if (this.#socket.send('warning', back).state !== 'sent')
      return this.#again(this.#retryEvery, () => this.#probe())
    this.#state = 'there'
    this.#note(back)
  }

  #again(after: number, action: () => void): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      action()
    }, after).unref()
  }

  #giveUpWaiting(): void {
    this.#send()
    this.#spill()
  }

  #spill(): void {
    for (const line of this.#waiting.splice(0)) this.#fallBack(line)
    this.#guard(false)
  }

  /** The timer does not keep the process alive, so waiting lines go out when the process exits. */
  #guard(on: boolean): void {
    if (on === this.#guarded) return
    this.#guarded = on
    if (on) process.once('exit', this.#atExit)
    else process.off('exit', this.#atExit)
  }

  #fallBack(line: Line): void {
    this.#meanwhile++
    this.#fallback.write(this.#stamped(line))
  }

  #note(text: string): void {
    this.#fallback.write(this.#stamped({ level: 'warning', text, at: Date.now() }))
  }

  #stamped({ level, text, at }: Line): string {
    return `${new Date(at).toISOString()} ${this.#program}[${process.pid}] ${level}: ${text}`
  }
}
