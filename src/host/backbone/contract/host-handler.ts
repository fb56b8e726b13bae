import type { AnswerTo, GotRequest, RequestName } from '../../../wire/calls/host-requests.js'

/**
 * Serves another host's request, whose arguments are checked.
 *
 * @param from that host's id
 */
export type HostHandler<N extends RequestName> = (
  args: GotRequest<N>,
  from: string,
) => AnswerTo<N> | Promise<AnswerTo<N>>
