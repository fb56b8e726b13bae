import { hostStatus, type HostAddress } from '../../daemon/find/ask.js'
import {
  codeOf,
  AuthError,
  describe,
  HostUnreachableError,
  InvalidOptionError,
  MsgvanError,
  PortTakenError,
  VersionMismatchError,
} from '../../errors.js'

/**
 * The reason why it does not listen, as an error with advice. `lookWhoIsThere`: also find out the owner of the port.
 */
export async function whyNotListening(
  error: unknown,
  address: HostAddress,
  lookWhoIsThere: boolean,
): Promise<MsgvanError> {
  const { port } = address
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return lookWhoIsThere
        ? whoIsThere(address)
        : new PortTakenError(`Port ${port} is taken.`, { cause: error })
    case 'EADDRNOTAVAIL':
      return new InvalidOptionError('--listen: this machine has no such address.', { cause: error })
    case 'EACCES':
      return new HostUnreachableError(
        `This user may not listen on port ${port}. Use one above 1023: --port or MSGVAN_PORT.`,
        {
          cause: error,
        },
      )
    default:
      return new HostUnreachableError(`Cannot listen on port ${port}: ${describe(error)}`, { cause: error })
  }
}

async function whoIsThere(address: HostAddress): Promise<MsgvanError> {
  const { port } = address
  const another = 'or use another port: --port or MSGVAN_PORT.'
  try {
    const { version, pid, uptimeMs } = await hostStatus(address)
    return new PortTakenError(
      `A host is on port ${port} already: msgvan ${version}, process ${pid}, up ${Math.round(uptimeMs / 1000)} s. ` +
        `Use it, end it with \`msgvan stop --port ${port}\`, ${another}`,
    )
  } catch (error) {
    if (error instanceof VersionMismatchError || error instanceof PortTakenError) return error
    const why = error instanceof AuthError ? "another user's host, by all signs" : describe(error)
    return new PortTakenError(`Port ${port} is taken (${why}). End that program, ${another}`, {
      cause: error,
    })
  }
}
