/** Gets every pattern that has a subscriber, once for each subscription. */
export interface PatternWatcher {
  added(pattern: RegExp | string): void
  removed(pattern: RegExp | string): void
}
