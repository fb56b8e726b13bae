/** On which every host tells its own clients of a change: the payload is a list of HostStatus, its own first. */
export const HOSTS_TOPIC = '$hosts'
