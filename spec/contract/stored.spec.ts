import { throughHostWithStore } from '../support/host-connection.js'
import { conformance } from './conformance.js'

conformance(throughHostWithStore)
