/** Is told of every pattern that somebody subscribes to, as often as somebody does. */
export interface PatternWatcher {
  added(pattern: RegExp | string): void
  removed(pattern: RegExp | string): void
}
