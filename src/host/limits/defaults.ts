/** Of the messages that wait in one van, in bytes. */
export const DEFAULT_VAN_BYTES = 512 * 1024 * 1024
/** Of all waiting messages of a host, and of the frames that its clients have not read. */
export const DEFAULT_HOST_BYTES = 1024 * 1024 * 1024
/** How long a host keeps a session without its client, in milliseconds. */
export const DEFAULT_SESSION_TTL_MS = 60_000
/** The time between two heartbeats of a connection, in milliseconds. */
export const DEFAULT_HEARTBEAT_MS = 10_000
/** Dead letters of all vans may take as much of that again. They do not count in it: nothing frees them by itself. */
export const LETTER_SHARE = 1 / 4
