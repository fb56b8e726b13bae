import {
  combineLatest,
  concat,
  defer,
  EMPTY,
  forkJoin,
  iif,
  merge,
  NEVER,
  of,
  onErrorResumeNext,
  race,
  range,
  repeat,
  switchMap,
  take,
  using,
  zip,
  type Observable,
} from 'rxjs'
import type { Random } from './random.js'

/** Behind a creation function of RxJS that passes on what it is given. */
export function created(random: Random, source: Observable<unknown>): Observable<unknown> {
  return random.pick([
    () => merge(source, NEVER),
    () => concat(EMPTY, source),
    () => defer(() => source),
    () => race(source, NEVER),
    () => iif(() => true, source, EMPTY),
    () => of(0).pipe(switchMap(() => source)),
    () => using(() => ({ unsubscribe: () => undefined }), () => source), // prettier-ignore
    () => onErrorResumeNext(source, NEVER),
  ])()
}

/**
 * Behind a creation function of RxJS that keeps what it is given until something else is there, so that a value that
 * comes out of it may be made of several messages. One of them is in hand.
 *
 * @param others a second topic, or none
 * @param areNamed what waits for them while they are not subscribed to waits in the van
 */
export function combined(
  random: Random,
  source: Observable<unknown>,
  others: readonly Observable<unknown>[],
  areNamed: boolean,
): Observable<unknown> {
  const other = others[0] ?? of(0)
  const waiting = [
    () => combineLatest([source, other]),
    () => combineLatest({ other, source }),
    // In the end it completes, with a message in hand.
    () => zip(source, others[0] ?? range(0, random.between(1, 50))).pipe(repeat()),
  ] as const
  const ending = () =>
    forkJoin([source, ...others].map(each => each.pipe(take(random.between(1, 3))))).pipe(repeat())
  // One without a name that has come to its end before the other is gone.
  return random.pick(areNamed || others.length === 0 ? [...waiting, ending] : waiting)()
}
