import type { Bus, Middleware } from '../../src/index.js'
import type { ConnectionKind, Features } from '../support/connections.js'

/** What the tests of a theme see of the connection under test. */
export interface Connected {
  readonly kind: ConnectionKind
  bus(): Bus
  another(): Bus
  using(...use: Middleware[]): Bus
}

/** A test that needs a feature; skipped with the reason where there is none. */
export function itWith(
  at: Connected,
  feature: keyof Features,
  title: string,
  test: () => Promise<void>,
): void {
  const has = at.kind.features[feature]
  if (has === true) it(title, test)
  else it.skip(`${title} (not ${at.kind.name}: ${has})`, test)
}
