import type { HostStatus } from '../../../bus/contract/status.js'

/** The hosts that this one knows: itself, and those that it can reach by the backbone. */
export interface KnownHosts {
  readonly self: HostStatus
  /** This host first. */
  list(): HostStatus[]
  /**
   * Called after each change.
   *
   * @returns ends that
   */
  watch(changed: () => void): () => void
}
