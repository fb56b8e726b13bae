import { existsSync, renameSync, rmSync } from 'node:fs'
import { describe } from '../../errors.js'
import { MAILBOX } from '../../message/topic.js'
import type { Registrations } from '../handlers/registrations.js'
import type { HostServer } from '../listen/server.js'
import { BACK_MS } from '../store/kept-registrations.js'
import type { HandedOver } from './read.js'

/**
 * Takes in the hand-over of the previous host, before any client connects; then removes its file. A file that this version
 * cannot read stays. A damaged one is set aside after all its whole parts are taken in.
 */
export async function takeIn(
  file: string,
  server: HostServer,
  {
    registrations,
    warn,
    info,
  }: {
    readonly registrations: Registrations | undefined
    readonly warn: (text: string) => void
    readonly info: (text: string) => void
  },
): Promise<void> {
  if (!existsSync(file)) return
  const { readHandOver } = await import('./read.js')
  let handed: HandedOver
  try {
    handed = readHandOver(file, server.sessions.transfer)
  } catch (error) {
    warn(`the hand-over of the previous host stays in ${file}: ${describe(error)}`)
    return
  }
  retireMailboxes(server, registrations)
  await server.sessions.keptAll()
  if (handed.trouble.length === 0) rmSync(file)
  else {
    renameSync(file, `${file}.damaged`)
    warn(
      `the hand-over of the previous host is damaged, and not all of it is here: ${handed.trouble.slice(0, 5).join('; ')}. See ${file}.damaged`,
    )
  }
  info(`${handed.messages} messages and ${handed.sessions} sessions are taken over from the previous host`)
}

/** Mailboxes of actors that do not exist any more: parents make their children anew. */
function retireMailboxes(server: HostServer, registrations: Registrations | undefined): void {
  const ids = new Set(registrations?.actors.map(({ id }) => id))
  for (const van of server.vans) {
    const broker = server.broker(van)
    for (const { name } of broker.named()) {
      const id = name.slice(MAILBOX.length)
      if (name.startsWith(MAILBOX) && !ids.has(id))
        void broker.retire(name, `Actor ${id} has ended: its host was restarted.`, BACK_MS)
    }
  }
}
