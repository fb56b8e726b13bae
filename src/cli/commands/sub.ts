import { InvalidArgumentError, type Command } from 'commander'
import { parts, type OrderedOption } from '../../message/order/ordered.js'
import type { ReplayFrom } from '../../message/replay.js'
import type { Cli } from '../cli.js'
import type { SubOptions } from '../work/run-sub.js'
import { count, rate, seconds } from '../options/values.js'

export function addSub(program: Command, cli: Cli): void {
  const json = program.createOption('--json', 'a JSON object a line, with id, topic, payload, headers …')
  const exact = program.createOption('--exact', 'the pattern is one exact topic, not a regular expression')
  const wildcard = program.createOption(
    '--wildcard',
    "the pattern is a NATS subject, such as 'orders.*.created' or 'orders.>'",
  )
  program
    .command('sub')
    .summary('show messages as they come')
    .description(
      'Show each message whose topic matches, as "topic payload". Ends with exit code 0 after --count messages or when its reader goes away, 3 after --timeout, 130 on Ctrl-C.',
    )
    .argument('[pattern]', "a regular expression, found anywhere in the topic: '^orders\\.' anchors it")
    .addOption(exact.conflicts(['wildcard', 'mqtt']))
    .addOption(wildcard.conflicts('mqtt'))
    .option('--mqtt', "the pattern is an MQTT topic filter, such as 'a/+/#'")
    .option('--count <n>', 'end after this number of messages', count)
    .option('--timeout <seconds>', 'end after this time, with exit code 3', seconds)
    .option(
      '--name <name>',
      'join the named subscription: it shares the work, and keeps messages while you are away. Without a pattern: use its own',
    )
    .option(
      '--ordered <by>',
      'one message of a key after another: key (as published), header:NAME, or group:NAME of the pattern. It is among the rules of a name',
      order,
    )
    .option(
      '--from <where>',
      'replay the log of a host with a store: start, last (of each topic), last:N, a time, or a place in the log',
      replayFrom,
    )
    .option('--rate <n/time>', 'at most n messages within this time, over all consumers: 100/1s', rate)
    .option('--concurrency <n>', 'at most n messages in hand, over all consumers', count)
    .option('--raw', 'the payload alone: bytes unchanged, everything else as a line')
    .addOption(json.conflicts('raw'))
    .addHelpText(
      'after',
      `
Examples:
  msgvan sub '^orders\\.(eu|us)\\.'
  msgvan sub '^t' --count 3 --timeout 5
  msgvan sub --wildcard 'orders.*.created'
  msgvan sub . --json | jq .payload
  msgvan sub '^prices' --from last    the last of each topic, then new ones
  msgvan sub '^jobs' --name workers   run two: each job goes to one of them
  msgvan sub '^mails' --name mails --rate 100/1s --concurrency 4
  msgvan sub --name workers           join it, whatever its pattern is`,
    )
    .action(
      cli.action<SubOptions>(async (globals, options, operands) => {
        // Loads it on demand: other commands do not need it.
        const { sub } = await import('../work/run-sub.js')
        return sub(cli, globals, options, operands)
      }),
    )
}

/** `group:` is checked with the pattern. */
function order(text: string): OrderedOption {
  const [by, name] = parts(text)
  if (text === 'key') return text
  if (by === 'header' && name !== '') return { header: name }
  if (by === 'group' && name !== '') return { group: name }
  throw new InvalidArgumentError('Give key, header:NAME or group:NAME.')
}

/** As in ISO 8601; a Date would accept 'last:0' and '-1' too. */
const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/i

/** Digits alone are a place. */
function replayFrom(text: string): ReplayFrom {
  const last = /^last:([1-9]\d{0,14})$/.exec(text)?.[1]
  if (text === 'start' || text === 'last') return text
  if (last !== undefined) return { last: Number(last) }
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const time = new Date(TIME.test(text) ? text : NaN)
  if (Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Give start, last, last:N, a time such as 2026-05-01T12:00Z, or a number.')
  return time
}
