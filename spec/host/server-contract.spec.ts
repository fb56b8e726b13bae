import { conformance } from '../contract/conformance.js'
import { throughServer } from '../support/host-server.js'

conformance(throughServer())
