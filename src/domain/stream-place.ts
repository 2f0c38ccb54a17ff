/** A place in the stream of all events: up to and with the event at `position`. */
export interface StreamPlace {
  /** Raised by the operator when commits have been lost, for example by a restore: places of before mean nothing then. */
  readonly epoch: number;
  /** 0: before the first event. */
  readonly position: number;
}

/** How far the stream goes. */
export interface StreamHead extends StreamPlace {
  /** Events up to this position may have been deleted by retention. */
  readonly prunedPosition: number;
}
