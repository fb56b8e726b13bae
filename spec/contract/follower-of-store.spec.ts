import { throughFollowerOfStore } from '../support/follower-connection.js'
import { conformance } from './conformance.js'
import { matchingHeaders } from './matching-headers.js'
import { named } from './named.js'
import { replay } from './replay.js'

conformance(throughFollowerOfStore, [replay, named, matchingHeaders])
