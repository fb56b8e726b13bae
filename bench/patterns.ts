import { linearMatcher } from '../src/broker/patterns/linear/linear-matcher.js'
import { PatternTable } from '../src/broker/patterns/pattern-table.js'
import { nativeMatcher, type Matcher } from '../src/message/pattern.js'
import { van } from '../src/index.js'
import { madePatterns, madeTopic, WITHOUT_LITERALS } from './patterns/made.js'
import { quick } from './support/flags.js'
import { printHead, printTable, times } from './support/table.js'

// Among very many different patterns: how long does a topic take that nobody has seen before, and how long to subscribe and
// unsubscribe?

const PATTERNS = quick ? 10_000 : 100_000
const TOPICS = quick ? 3_000 : 60_000
const CHANGES = quick ? 500 : 5_000
/** One by one takes milliseconds each. The results are compared, pattern by pattern. */
const ONE_BY_ONE = quick ? 10 : 50

const patterns = madePatterns(PATTERNS)
let number = 0
const nextTopic = (): string => madeTopic(number++, PATTERNS)

/** In microseconds. */
interface Times {
  readonly p50: number
  readonly p99: number
}

function timesOf(count: number, run: (i: number) => void): Times {
  const each = new Float64Array(count)
  for (let i = 0; i < count; i += 1) {
    const began = performance.now()
    run(i)
    each[i] = (performance.now() - began) * 1_000
  }
  each.sort()
  return { p50: each[Math.floor(count / 2)] ?? NaN, p99: each[Math.floor(count * 0.99)] ?? NaN }
}

function tableOf(compile: (pattern: RegExp) => Matcher): PatternTable<number> {
  const table = new PatternTable<number>(compile)
  patterns.forEach((pattern, i) => table.add(pattern, i))
  return table
}

/** @returns in microseconds a topic, and how many matched; throws where the table says anything else. */
function oneByOne(tables: readonly PatternTable<number>[]): { p50: number; matches: number } {
  let matches = 0
  const topics = Array.from({ length: ONE_BY_ONE }, nextTopic)
  const found = topics.map((): number[] => [])
  const took = timesOf(ONE_BY_ONE, at => {
    const topic = topics[at] ?? ''
    for (let i = 0; i < patterns.length; i += 1) if (patterns[i]?.test(topic) === true) found[at]?.push(i)
  })
  for (const [at, topic] of topics.entries()) {
    const wanted = found[at] ?? []
    matches += wanted.length
    for (const table of tables) {
      const values = table.match(topic)
      if (values.length !== wanted.length || values.some((value, i) => value !== wanted[i]))
        throw new Error(`${topic}: the table finds ${values.join(', ')}, one by one ${wanted.join(', ')}`)
    }
  }
  return { p50: took.p50, matches }
}

/** Whether `publish` of topics that are new finds whom it should. */
async function throughBus(): Promise<{ publish: Times; subscribe: Times; unsubscribe: Times }> {
  const bus = van({ embedded: true })
  let delivered = 0
  for (const pattern of patterns) bus.topic(pattern).subscribe(() => (delivered += 1))
  const wanted = new PatternTable<number>(nativeMatcher)
  patterns.forEach((pattern, i) => wanted.add(pattern, i))
  const topics = Array.from({ length: 2 * TOPICS }, nextTopic)
  const publish = (i: number) => void bus.publish(topics[i] ?? '', i)
  timesOf(TOPICS, publish)
  const took = timesOf(TOPICS, i => publish(TOPICS + i))
  const expected = topics.reduce((sum, topic) => sum + wanted.match(topic).length, 0)
  if (delivered !== expected) throw new Error(`${delivered} deliveries came of ${expected}`)
  const more = madePatterns(PATTERNS + CHANGES).slice(PATTERNS)
  const observables = more.map(pattern => bus.topic(pattern))
  const subscriptions: { unsubscribe(): void }[] = []
  const subscribe = timesOf(CHANGES, i => {
    const subscription = observables[i]?.subscribe()
    if (subscription !== undefined) subscriptions.push(subscription)
  })
  const unsubscribe = timesOf(CHANGES, i => subscriptions[i]?.unsubscribe())
  await bus.close({ drain: false })
  return { publish: took, subscribe, unsubscribe }
}

/** So many patterns that no literal tells apart, as in a host: the first topic, and each that is new. In microseconds. */
function withoutLiterals(count: number): { first: number; then: Times } {
  const table = new PatternTable<number>(linearMatcher)
  for (let i = 0; i < count; i += 1) {
    const letters = `[a-${String.fromCharCode(98 + (i % 24))}]`
    const other = `[^\\u${(0x400 + i).toString(16).padStart(4, '0')}]`
    const [many, few] = [1 + (i % 20), 1 + (i % 7)]
    table.add(
      i % 2 === 0
        ? new RegExp(`^[^.]+\\.${letters}+\\.${other}{${many}}$`)
        : new RegExp(`${letters}\\d{${few}}${other}`),
      i,
    )
  }
  const first = timesOf(1, () => table.match(nextTopic())).p50
  return { first, then: timesOf(quick ? 200 : 2_000, () => table.match(nextTopic())) }
}

printHead(
  `${PATTERNS.toLocaleString('en-US')} different patterns (${WITHOUT_LITERALS} of them without a literal), topics never seen before`,
)
const native = tableOf(nativeMatcher)
const linear = tableOf(linearMatcher)
const lookUp = (table: PatternTable<number>): Times => {
  timesOf(TOPICS, () => table.match(nextTopic()))
  return timesOf(TOPICS, () => table.match(nextTopic()))
}
const rows = {
  'a look-up, RegExp': lookUp(native),
  'a look-up, in linear time (as in a host)': lookUp(linear),
}
const single = oneByOne([native, linear])
const { publish, subscribe, unsubscribe } = await throughBus()
const unindexed = withoutLiterals(10_000)
const micro = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} µs`
printTable([
  ['', 'p50', 'p99', 'wanted at p50', 'of one by one'],
  ...Object.entries({ ...rows, 'publish, embedded': publish }).map(([name, { p50, p99 }]) => [
    name,
    micro(p50),
    micro(p99),
    '≤ 10 µs, 500 ×',
    times(single.p50 / p50),
  ]),
  ...Object.entries({ subscribe, unsubscribe }).map(([name, { p50, p99 }]) => [
    name,
    micro(p50),
    micro(p99),
    '≤ 100 µs',
    '',
  ]),
  ['one by one', micro(single.p50), '', '', ''],
  ['10,000 without a literal, the first topic', micro(unindexed.first), '', '', ''],
  [
    '10,000 without a literal, a new topic',
    micro(unindexed.then.p50),
    micro(unindexed.then.p99),
    '≤ 10 ms',
    '',
  ],
])
console.log(
  `\n  ${(PATTERNS * ONE_BY_ONE).toLocaleString('en-US')} pairs of pattern and topic compared, ${single.matches} matches: all the same\n`,
)
