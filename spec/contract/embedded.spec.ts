import { embedded } from '../support/connections.js'
import { conformance } from './conformance.js'

conformance(embedded)
