import { STATE } from '../contract/control.js'
import { InvalidTopicError } from '../../errors.js'
import { checkPublishTopic, checkTopic } from '../../message/topic.js'

/** @throws InvalidTopicError */
export function checkState(topic: unknown): asserts topic is string {
  checkPublishTopic(topic)
  try {
    checkTopic(STATE + topic)
  } catch (error) {
    throw new InvalidTopicError('The topic of a state takes at most 1,017 UTF-8 bytes.', { cause: error })
  }
}
