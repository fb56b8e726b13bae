import type { Log } from '../../log/log.js'
import type { Backbone } from '../backbone/contract/backbone.js'
import { LONGEST_LOG_TEXT } from '../../wire/calls/host-requests.js'

/** The most lines on their way: a log must not grow into a load. */
const MOST_ON_THE_WAY = 1_000

/** Log lines of actors go to their own host's log, and to the leader's log, whose level decides about them. */
export function actorLog(log: Log, backbone: () => Backbone): Log {
  let onTheWay = 0
  const writer =
    (level: keyof Log) =>
    (text: string, ...cause: unknown[]): void => {
      log[level](text, ...cause)
      if (!backbone().isFollower || onTheWay >= MOST_ON_THE_WAY) return
      onTheWay += 1
      backbone()
        .requestLeader('actors.log', { level, text: text.slice(0, LONGEST_LOG_TEXT) })
        // It is in the log here.
        .catch(() => undefined)
        .finally(() => (onTheWay -= 1))
    }
  return { error: writer('error'), warning: writer('warning'), info: writer('info'), debug: writer('debug') }
}

/** Takes log lines of actors on other hosts. */
export function takeActorLogs(log: Log, backbone: Backbone): void {
  backbone.serve('actors.log', ({ level, text }, from) => {
    const host = backbone.members.list().find(({ id }) => id === from)
    const where = host === undefined ? from : `${host.address}:${host.port}`
    log[level](`${text} (on the host at ${where})`)
    return true
  })
}
