/** Names that both ends of the HTTP service use. */

/** A name that a run's sender gives it, so that another request can stop it. */
export const callHeader = "trainlet-call";
