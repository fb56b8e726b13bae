import type { Message } from '../../../message/message.js'
import type { View } from '../../rights/view.js'
import { SentDeliveries } from './sent-deliveries.js'

/** Everything that a session notes about one of its consumers. */
export abstract class ConsumerMarks extends SentDeliveries {
  /** The key of verdicts from an earlier session. */
  key: string | undefined
  name: string | undefined
  /** If the client is a host: its own client's name for this unnamed subscription. */
  origin: string | undefined
  /** What the principal behind it may see, if the client is that one's host. */
  view: View | undefined
  /** Whether its client may see a topic, of a subscription with a name that may have others. Undefined: all. */
  sees: ((topic: string) => boolean) | undefined
  /** Whether its client may not see a message although it may see the topic: a dead letter of a hidden message. */
  hides: ((message: Message) => boolean) | undefined
  /** It continues one of another process. */
  isRestored = false
  /** Its client runs in the host whose client it is. */
  endsWithHost = false
  /** The client is a host, and the consumer behind it is cut off. */
  isBeyondAway = false
}
