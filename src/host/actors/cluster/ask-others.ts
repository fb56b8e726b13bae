import type { Backbone } from '../../backbone/contract/backbone.js'

/** Asks all other hosts at the same time. */
export function askOthers(
  backbone: Backbone,
  name: string,
  body: unknown,
): Promise<PromiseSettledResult<unknown>[]> {
  const [, ...others] = backbone.members.list()
  return Promise.allSettled(others.map(({ id }) => backbone.request(id, name, body)))
}

/** Throws the first rejection that is not expected. */
export function throwFirst(
  answers: readonly PromiseSettledResult<unknown>[],
  isExpected: (error: unknown) => boolean,
): void {
  const failed = answers.filter(answer => answer.status === 'rejected')
  for (const { reason } of failed) if (!isExpected(reason)) throw reason
}
