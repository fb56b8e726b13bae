import { HostUnreachableError } from '../../errors.js'

/** Some of the hosts that had to answer did not. */
export class PartlyAnswered extends HostUnreachableError {
  /**
   * @param answers of the others
   * @param why a sentence for each that did not
   */
  constructor(
    readonly answers: readonly unknown[],
    why: readonly string[],
  ) {
    super(why.join(' '))
  }
}
