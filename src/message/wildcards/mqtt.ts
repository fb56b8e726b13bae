import { anchored, escaped, levelsOf, wrongLevel } from './level-pattern.js'

/**
 * Makes a pattern of an MQTT 5 topic filter. Slashes separate its levels. `+` stands for one level, which may be empty.
 * `#`, as the last level, stands for the level before it and everything below that: `a/#` matches `a`, `a/b` and
 * `a/b/c`. A filter that begins with `+` or `#` matches no topic that begins with `$`. Everything else stands for itself.
 *
 * The result is a RegExp of whole topics, which hosts match in linear time.
 *
 * @throws InvalidPatternError for a `#` before the end, a `+` or `#` beside other characters, a NUL, a shared
 * subscription (`$share/…`: give its group as the `name`), and a text that is too long (the RegExp takes at most 512
 * bytes)
 * @example
 * bus.topic(mqtt('sensors/+/temperature')).subscribe(message => console.log(message.topic))
 * bus.topic(mqtt('sensors/#')).subscribe(message => console.log(message.topic))
 */
export function mqtt(filter: string): RegExp {
  const levels = levelsOf('mqtt', filter, '/')
  check(levels, filter)
  if (levels.at(-1) !== '#') return anchored('mqtt', joined(levels))
  if (levels.length === 1) return anchored('mqtt', '[^$].*')
  return anchored('mqtt', `${joined(levels.slice(0, -1))}(?:\\/.*)?`)
}

function joined(levels: readonly string[]): string {
  return levels.map((level, at) => (level === '+' ? anyLevel(at === 0) : escaped(level))).join('\\/')
}

function anyLevel(isFirst: boolean): string {
  return isFirst ? '(?:[^/$][^/]*)?' : '[^/]*'
}

function check(levels: readonly string[], filter: string): void {
  if (filter.includes('\0')) throw wrongLevel('mqtt', filter, 'a NUL is in no topic of MQTT.')
  if (levels[0] === '$share' && levels.length > 1)
    throw wrongLevel(
      'mqtt',
      filter,
      "a shared subscription has a name here. Give its group so: bus.topic(mqtt(filter), { name: 'group' }).",
    )
  if (levels.slice(0, -1).includes('#'))
    throw wrongLevel('mqtt', filter, '# stands for all that is below, so it is the last level.')
  if (levels.some(level => level.length > 1 && /[+#]/.test(level)))
    throw wrongLevel('mqtt', filter, '+ and # stand for whole levels, so no other character is beside them.')
}
