import { VirtualTimeScheduler } from 'rxjs'

/** A scheduler whose time passes when the test says so. */
export class VirtualTime extends VirtualTimeScheduler {
  advance(milliseconds: number): void {
    this.maxFrames = this.frame + milliseconds
    this.flush()
    this.frame = this.maxFrames
  }
}
