import { throughFollower } from '../support/follower-connection.js'
import { conformance } from './conformance.js'

conformance(throughFollower)
