import { RemoteBroker } from '../../client/remote-broker.js'
import { localPlace } from '../../daemon/find/local-place.js'
import { statePaths } from '../../state/paths.js'
import { ownCredential } from '../../state/secret.js'
import { HostUnreachableError, UnsupportedError } from '../../errors.js'

const ANSWER_MS = 10_000

/**
 * An older host cannot hand over the messages in its memory.
 *
 * @param vans the vans with registrations; undefined: it does not report them
 * @throws UnsupportedError if messages are pending, or it does not report them
 */
export async function checkNothingWaits(port: number, vans: readonly string[] | undefined): Promise<void> {
  if (vans === undefined) throw refusal(port, 'it cannot be asked whether messages wait in its memory')
  let messages = 0
  let letters = 0
  for (const van of vans) {
    const waiting = await waitingIn(port, van)
    messages += waiting.messages
    letters += waiting.letters
  }
  if (messages + letters > 0)
    throw refusal(port, `${messages} messages wait in its memory, and ${letters} dead letters are kept there`)
}

function refusal(port: number, why: string): UnsupportedError {
  return new UnsupportedError(
    `The host on port ${port} is an older one that hands nothing over, and ${why}. It still runs. ` +
      'Let its consumers finish first; or lose these messages: `msgvan restart --lose-waiting`.',
  )
}

async function waitingIn(port: number, van: string): Promise<{ messages: number; letters: number }> {
  const broker = new RemoteBroker({
    van,
    locate: () => localPlace(statePaths(), port),
    secret: () => ownCredential(statePaths()),
    readyTimeout: ANSWER_MS,
  })
  let timer: NodeJS.Timeout | undefined
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new HostUnreachableError(`The host on port ${port} does not report its pending messages.`))
      }, ANSWER_MS)
    })
    const { subscriptions } = await Promise.race([broker.control.status(), late])
    const letters = await Promise.race([broker.control.deadLetters().list(), late])
    const messages = subscriptions.reduce((sum, { pending, inFlight }) => sum + pending + inFlight, 0)
    return { messages, letters: letters.length }
  } finally {
    clearTimeout(timer)
    await broker.close({ drain: false })
  }
}
