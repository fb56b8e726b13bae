import { AuthError, describe, StoreError } from '../../errors.js'
import { decodeArgs, isCallName, traitsOf, type CallName, type HostCall } from '../../wire/calls/calls.js'
import { noSuchCall } from '../../wire/calls/no-such-call.js'
import { inTime } from '../backbone/host-requests.js'
import { checkCall } from '../rights/call-rights.js'
import type { Session } from '../session/session.js'
import { answerHost, type BackboneCall } from './answer-host.js'
import { CLIENT_ANSWERS, isClientCall, type Caller } from './client-answers.js'
import type { Services } from './services.js'

/** An answer that need not be on the disk waits at most this long for it. */
const DISK_MS = 1_000

/**
 * Answers one call of a client. At a host with a store, the answer comes when the changes of the call are on the disk.
 * @throws StoreError if they could not be written
 */
export async function answer(
  session: Session,
  name: string,
  args: unknown,
  services: Services,
): Promise<unknown> {
  const { vanStore } = session.van
  if (vanStore === undefined) return result(session, name, args, services)
  if (name !== 'subscribe' && session.subscriptions.opened !== undefined) await session.subscriptions.opened
  const value = await result(session, name, args, services)
  // It has waited for its own write, and would wait here for that of others.
  const kept = name === 'publish' ? undefined : vanStore.kept()
  if (kept === undefined) return value
  if (traitsOf(name).isStored !== true) {
    await inTime(kept, DISK_MS, 'The disk').catch(() => undefined)
    return value
  }
  // The host tries again until it is written; it refuses only messages.
  await kept.catch((error: unknown) => {
    // `ready` reports it for named subscriptions, and for replays, which the next host still owes.
    if (name !== 'subscribe' && (name !== 'ready' || session.subscriptions.needsDisk)) throw notKept(error)
  })
  return value
}

function notKept(cause: unknown): StoreError {
  return new StoreError(
    `It is in force, and could not be written into the store (${describe(cause)}): a host that dies now does not know of it any more. The host tries again until it can.`,
    { cause },
  )
}

/** Every call goes through here, so that an unknown name or a wrong argument is one error. */
async function result(session: Session, name: string, args: unknown, services: Services): Promise<unknown> {
  if (!isCallName(name)) throw noSuchCall(name)
  if (isClientCall(name)) return answerClient(name, args, { session, services })
  if (isBackboneCall(name)) {
    session.access?.principal.mustHave('join', 'a host')
    return answerHost(session, name, args, services)
  }
  return control(session, name, args, services)
}

async function answerClient<N extends keyof typeof CLIENT_ANSWERS>(
  name: N,
  args: unknown,
  caller: Caller,
): Promise<unknown> {
  const got = decodeArgs(name, args)
  const { access, follower, van } = caller.session
  // A host that has joined answers for its clients.
  const checking =
    access === undefined || follower !== undefined
      ? undefined
      : checkCall(name, access.principal, got, {
          isTaken: (address, principal) => van.broker.isTaken(address, principal),
          mailbox: access.mailbox,
        })
  // Answers at once where nothing is open: a publish behind a subscription finds it.
  if (checking !== undefined) await checking
  return CLIENT_ANSWERS[name](caller, got)
}

function isBackboneCall(name: CallName): name is BackboneCall {
  return name.startsWith('backbone.')
}

function control<N extends HostCall>(session: Session, name: N, args: unknown, services: Services): unknown {
  if (services.control === undefined) throw noSuchCall(name)
  if (name === 'host.stop' && session.access !== undefined)
    session.access.principal.mustHave('admin', 'to stop it')
  else if (!session.isLocalUser)
    throw new AuthError(
      'Only the user that a host runs for may do that, on its own machine. A token is not enough.',
    )
  return services.control[name](decodeArgs(name, args))
}
