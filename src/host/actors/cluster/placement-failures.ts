import type { HostStatus } from '../../../bus/contract/status.js'
import {
  ActorPlacementError,
  ActorStartError,
  ClosedError,
  describe,
  HandlerModuleError,
  RemoteError,
  TimeoutError,
  UnsupportedError,
} from '../../../errors.js'

const GOES_ON = [ActorPlacementError, HandlerModuleError]
const GOES_ON_ELSEWHERE = [...GOES_ON, RemoteError, TimeoutError, UnsupportedError, ClosedError]

/** Another host may do. @param isAsking it is the host of whoever asks that says so */
export function anotherMayDo(error: unknown, isAsking: boolean): boolean {
  return (isAsking ? GOES_ON : GOES_ON_ELSEWHERE).some(kind => error instanceof kind)
}

/** The same, saying of which host it is. */
export function atHost({ address, port }: HostStatus, error: unknown): unknown {
  if (error instanceof ActorPlacementError) return error
  return new ActorStartError(`On the host at ${address}:${port}: ${describe(error)}`, { cause: error })
}

/**
 * What whoever asked can do something about: a host that had all it takes, and failed, says more than one that lacks something. That
 * one could not load the module is a failure too, unless nobody knows whether it would have done: the class has a function.
 */
export function worst(failures: readonly unknown[]): unknown {
  const lacking = failures.find(each => each instanceof ActorPlacementError)
  const failed = failures.filter(each => !(each instanceof ActorPlacementError))
  const isUnknown = lacking !== undefined && lacking.requires === undefined
  const failure = failed.find(each => !isUnknown || !isUnloaded(each)) ?? lacking ?? failures[0]
  if (failure instanceof HandlerModuleError) return new ActorStartError(failure.message, { cause: failure })
  if (failure !== lacking || lacking === undefined || failed.length === 0) return failure
  const refusals = failed.map(each => (each instanceof Error ? each.message : describe(each)))
  return new ActorPlacementError(`${lacking.message} Some could not load it to know: ${refusals.join(' ')}`)
}

function isUnloaded(failure: unknown): boolean {
  const cause = failure instanceof ActorStartError ? failure.cause : failure
  return cause instanceof HandlerModuleError
}
