/** Words of topics: few enough that patterns have many of them in common. */
const words = 'orders payments users sensors invoices carts stock mail jobs logs'.split(' ')
const regions = 'eu us ap af sa me'.split(' ')

const at = (list: readonly string[], i: number): string => list[i % list.length] ?? ''

/** So many of the kinds below have no literal that a topic could be looked up by: each of them is tried on every new topic. */
export const WITHOUT_LITERALS = 50

/** As apps write them: the i-th of very many, all different. */
const shapes: readonly ((i: number) => RegExp)[] = [
  i => new RegExp(`^${at(words, i)}\\.${i}\\.`),
  i => new RegExp(`^${at(words, i)}\\.(eu|us)\\.${i}$`),
  i => new RegExp(`\\.customer${i}\\.`),
  i => new RegExp(`^${at(words, i)}\\.[a-z]+\\.item${i}$`),
  i => new RegExp(`^(${at(words, i)}|${at(words, i + 1)})\\.${at(regions, i)}\\.${i}(\\.|$)`),
  i => new RegExp(`^${at(words, i)}\\.Device${i}\\.\\w+$`, 'i'),
  i => new RegExp(`^[^.]+\\.[^.]+\\.n${i}\\.`),
  i => new RegExp(`error.*code=${i}\\b`),
  i => new RegExp(`^${at(words, i)}\\.#${i}\\.\\d{1,6}$`),
  i => new RegExp(`(created|deleted)\\.${i}$`),
]

const withoutLiterals = (i: number): RegExp =>
  new RegExp(`^\\w{${(i % 7) + 1}}\\W\\d{${Math.floor(i / 7) + 1}}$`)

export function madePatterns(count: number): RegExp[] {
  const patterns = Array.from({ length: WITHOUT_LITERALS }, (_, i) => withoutLiterals(i))
  for (let i = patterns.length; i < count; i += 1) {
    const shape = shapes[i % shapes.length]
    if (shape !== undefined) patterns.push(shape(i))
  }
  return patterns
}

/** Each different from all others; of six, three match a pattern. */
export function madeTopic(number: number, patterns: number): string {
  // Of a shape that the topic fits, and one that is there.
  const of = (shape: number): number =>
    shape + shapes.length * (10 + ((number * 7_919) % (patterns / shapes.length - 20)))
  switch (number % 6) {
    case 0:
      return `${at(words, of(0))}.${of(0)}.${number}`
    case 1:
      return `stock.eu.${number}.customer${of(2)}.x`
    case 2:
      return `${at(words, of(5))}.DEVICE${of(5)}.v${number}`
    default:
      return `${at(words, number)}.${at(regions, number)}.${number}.nothing-that-anybody-waits-for`
  }
}
