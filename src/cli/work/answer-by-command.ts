import { spawn } from 'node:child_process'
import { Observable } from 'rxjs/internal/Observable'
import { hasGroups, killGroup } from '../../workers/process-group.js'
import { CommandError, describe } from '../../errors.js'
import type { Message } from '../../message/message.js'
import { rawPayload } from '../text/show.js'

/** An answer is a payload, and so no longer. */
const LONGEST = 8 * 1024 * 1024
/** Of standard error, only the end is of use. */
const LAST_WORDS = 4_096

/**
 * Runs a shell command with the payload on its standard input. Its standard output, without the last line break, is the
 * answer. Unsubscribing kills it.
 */
export function answerByCommand(command: string, message: Message, isJson: boolean): Observable<unknown> {
  return new Observable(subscriber => {
    const child = spawn(command, {
      shell: true,
      detached: hasGroups,
      env: { ...process.env, MSGVAN_TOPIC: message.topic },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const output: Uint8Array[] = []
    let size = 0
    let words = ''
    const fail = (text: string): void => subscriber.error(new CommandError(text))
    child.on('error', error => fail(`The command cannot run: ${describe(error)}`))
    // It may end before it has read all.
    child.stdin.on('error', () => undefined)
    child.stdout.on('data', (chunk: Uint8Array) => {
      output.push(chunk)
      size += chunk.length
      if (size > LONGEST) fail(`The command wrote more than ${LONGEST} bytes: no payload is longer.`)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-LAST_WORDS)
    })
    child.on('close', (code, signal) => {
      if (code !== 0) return fail(lastLine(words) ?? `The command ended with ${code ?? signal ?? 'no code'}.`)
      try {
        subscriber.next(answerIn(Buffer.concat(output).toString('utf8'), isJson))
        subscriber.complete()
      } catch (error) {
        fail(`The output of the command is not JSON: ${describe(error)}`)
      }
    })
    subscriber.add(() => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
      if (hasGroups) killGroup(child.pid)
      else child.kill('SIGKILL')
    })
    child.stdin.end(message.payload === undefined ? '' : textOf(message))
  })
}

/** Text without the line break that `rawPayload` adds for a terminal. */
function textOf(message: Message): string | Uint8Array {
  return typeof message.payload === 'string' ? message.payload : rawPayload(message)
}

function answerIn(text: string, isJson: boolean): unknown {
  return isJson ? (JSON.parse(text) as unknown) : text.replace(/\r?\n$/, '')
}

function lastLine(text: string): string | undefined {
  return text.trimEnd().split('\n').at(-1)?.trim() || undefined
}
