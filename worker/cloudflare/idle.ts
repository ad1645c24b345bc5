/**
 * Ends sessions that nobody uses, by the object's alarm. A call moves the alarm only when it comes near, so that calls cost
 * no write. Alarms come at least once: a second one finds nothing to do.
 */
import { InternalError } from "../../src/graph/errors.ts";

const defaultSeconds = 7 * 24 * 60 * 60;

/** The alarm is set so much later that calls within a quarter of the time need not move it. */
const slack = 1.25;

export class IdleAlarm {
  readonly #storage: DurableObjectStorage;
  readonly #milliseconds: number;
  /** When the alarm comes; null while that is unknown. */
  #at: number | null = null;

  constructor(storage: DurableObjectStorage, seconds: string | undefined) {
    this.#storage = storage;
    const number = seconds === undefined || seconds === "" ? defaultSeconds : Number(seconds);
    if (!(number >= 0)) {
      throw new InternalError(`TRAINLET_IDLE_SECONDS must be a number of seconds, it is '${seconds}'.`);
    }
    this.#milliseconds = number * 1000;
  }

  /** Called with each use of the session. */
  async touch(): Promise<void> {
    if (this.#milliseconds === 0) return;
    this.#at ??= await this.#storage.getAlarm();
    if (this.#at === null || this.#at < this.#now() + this.#milliseconds) this.start();
  }

  /** Sets the alarm; together with what was written in the same turn. */
  start(): void {
    if (this.#milliseconds === 0) return;
    this.#at = Math.ceil(this.#now() + this.#milliseconds * slack);
    void this.#storage.setAlarm(this.#at);
  }

  /** Whether the alarm that has come still counts: a call may have set another one meanwhile. */
  async isDue(): Promise<boolean> {
    this.#at = await this.#storage.getAlarm();
    return this.#at === null;
  }

  /** The time of day is the database's: an alarm needs it, nothing that is computed does. */
  #now(): number {
    return this.#storage.sql.exec<{ ms: number }>("SELECT unixepoch('subsec') * 1000 AS ms").one().ms;
  }
}
