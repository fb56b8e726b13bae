/** The default of `maxPendingBytes`. */
export const DEFAULT_PENDING_BYTES = 64 * 1024 * 1024
