import type { AnswerTo, RequestName, SentRequest } from '../../../wire/calls/host-requests.js'
import type { Backbone } from '../../backbone/contract/backbone.js'

/** Asks all other hosts at the same time. */
export function askOthers<N extends RequestName>(
  backbone: Backbone,
  name: N,
  args: SentRequest<N>,
): Promise<PromiseSettledResult<AnswerTo<N>>[]> {
  const [, ...others] = backbone.members.list()
  return Promise.allSettled(others.map(({ id }) => backbone.request(id, name, args)))
}

/** Throws the first rejection that is not expected. */
export function throwFirst(
  answers: readonly PromiseSettledResult<unknown>[],
  isExpected: (error: unknown) => boolean,
): void {
  const failed = answers.filter(answer => answer.status === 'rejected')
  for (const { reason } of failed) if (!isExpected(reason)) throw reason
}
