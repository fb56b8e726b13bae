import { checkPublishTopic } from '../../message/topic.js'
import { InvalidOptionError, PayloadTooLargeError, TimeoutError } from '../../errors.js'
import { openBus } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit, lineOf } from '../exit.js'
import type { Globals } from '../options/globals.js'
import type { Output } from '../text/output.js'
import { rawPayload, toJson } from '../text/show.js'

const LONGEST = 8 * 1024 * 1024

export interface RequestCommandOptions {
  json?: boolean
  raw?: boolean
  timeout?: number
  attempts?: number
}

/** Runs `msgvan request`. */
export async function request(
  cli: Cli,
  globals: Globals,
  { json = false, raw = !process.stdout.isTTY, timeout, attempts }: RequestCommandOptions,
  [topic = '', operand]: string[],
): Promise<number> {
  checkPublishTopic(topic)
  const text = operand === '-' ? await input() : operand
  const payload = json && text !== undefined ? parse(text) : text
  const { interrupt, output } = cli
  const bus = await openBus(cli, globals)
  try {
    const answer = await bus.request(topic, payload, {
      signal: interrupt.signal,
      ...(timeout === undefined ? {} : { timeout }),
      ...(attempts === undefined ? {} : { attempts }),
    })
    if (json) await output.json(toJson(answer))
    else if (answer !== undefined) await show(output, rawPayload({ payload: answer }), raw)
    return Exit.Done
  } catch (error) {
    if (interrupt.signal.aborted) return interrupt.exitCode ?? Exit.Error
    if (!(error instanceof TimeoutError)) throw error
    cli.talk(lineOf(error) ?? '')
    return Exit.Timeout
  } finally {
    await bus.close({ drain: false })
  }
}

/** A program gets the answer unchanged; a terminal gets no control characters, unless its user asks for them. */
function show(output: Output, answer: string | Uint8Array, isRaw: boolean): Promise<void> {
  // eslint-disable-next-line no-restricted-syntax -- like `sub --raw`
  if (isRaw) return output.raw(answer)
  const text = typeof answer === 'string' ? answer : Buffer.from(answer).toString('utf8')
  return output.lines(text.replace(/\n$/, '').split('\n'))
}

async function input(): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > LONGEST)
      throw new PayloadTooLargeError(`The input has more than ${LONGEST} bytes: no payload is longer.`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new InvalidOptionError(`The payload is not JSON: ${text.slice(0, 60)}`, { cause: error })
  }
}
