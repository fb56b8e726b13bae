/** So many bytes of payloads may wait in a subscription that does not say otherwise. */
export const DEFAULT_PENDING_BYTES = 64 * 1024 * 1024
