export { backoff, type BackoffConfig } from './backoff.js'
export { handle, type HandleConfig } from './handle.js'
export { publishTo, type Publisher } from './publish-to.js'
