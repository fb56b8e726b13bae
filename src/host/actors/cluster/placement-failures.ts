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

/** Whether another host may fit. @param isAsking the error comes from the caller's own host */
export function anotherMayDo(error: unknown, isAsking: boolean): boolean {
  return (isAsking ? GOES_ON : GOES_ON_ELSEWHERE).some(kind => error instanceof kind)
}

/** The same error, with its host. */
export function atHost({ address, port }: HostStatus, error: unknown): unknown {
  if (error instanceof ActorPlacementError) return error
  return new ActorStartError(`On the host at ${address}:${port}: ${describe(error)}`, { cause: error })
}

/**
 * The error that helps the caller most. A host that meets all requirements and failed tells more than one that lacks something. A
 * host that could not load the module failed too, unless its fitness is unknown because the class has a function as a requirement.
 */
export function worst(failures: readonly unknown[]): unknown {
  const lacking = failures.find(each => each instanceof ActorPlacementError)
  const failed = failures.filter(each => !(each instanceof ActorPlacementError))
  const isUnknown = lacking !== undefined && lacking.requires === undefined
  const failure = failed.find(each => !isUnknown || !isUnloaded(each)) ?? lacking ?? failures[0]
  if (failure instanceof HandlerModuleError) return new ActorStartError(failure.message, { cause: failure })
  if (failure !== lacking || lacking === undefined || failed.length === 0) return failure
  const refusals = failed.map(each => (each instanceof Error ? each.message : describe(each)))
  return new ActorPlacementError(
    `${lacking.message} Some hosts could not load it to check: ${refusals.join(' ')}`,
  )
}

function isUnloaded(failure: unknown): boolean {
  const cause = failure instanceof ActorStartError ? failure.cause : failure
  return cause instanceof HandlerModuleError
}
