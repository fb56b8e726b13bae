import type { StateChange, StateEntry, StateOutcome } from '../../bus/contract/control.js'
import type { Fields } from '../frames/fields.js'
import { decodePattern, encodePattern } from '../frames/subscription-request.js'
import { fieldsOf, object } from './call-definition.js'

const topic = (fields: Fields): { topic: string } => ({ topic: fields.text('topic', 1_024) })

export const stateArgs = object(topic)

export const stateChangeArgs = object((fields): StateChange => ({
  ...topic(fields),
  value: fields.optional('value', key => fields.bytes(key)),
  expected: fields.optional('expected', key => fields.whole(key)),
  by: fields.text('by', 100),
  number: fields.whole('number', 1),
}))

export const stateKeysArgs = object(
  fields => ({ pattern: decodePattern(fields.get('pattern')) }),
  ({ pattern }: { pattern: RegExp | string }) => ({ pattern: encodePattern(pattern) }),
)

export function readEntry(value: unknown): StateEntry {
  const fields = fieldsOf(value)
  return { version: fields.whole('version'), value: fields.optional('value', key => fields.bytes(key)) }
}

export function readOutcome(value: unknown): StateOutcome {
  const fields = fieldsOf(value)
  return {
    isDone: fields.flag('isDone'),
    wasThere: fields.flag('wasThere'),
    entry: readEntry(fields.get('entry')),
  }
}

export function readKeys(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}
