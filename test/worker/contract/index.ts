/** The contract of worker/api.ts as tests, the same for every host. A host's test file says how it is reached. */
import { afterAll, beforeAll } from "vitest";
import { testErrors } from "./errors.ts";
import { testFit } from "./fit.ts";
import { Fixture, type Host } from "./fixture.ts";
import { testLifecycle } from "./lifecycle.ts";
import { testStopping } from "./stopping.ts";
import { testTraining } from "./training.ts";

export function testContract(host: Host): void {
  const fixture = new Fixture(host);
  beforeAll(() => fixture.open());
  afterAll(() => fixture.trainlet.disconnect());
  testTraining(fixture);
  testLifecycle(fixture);
  testErrors(fixture);
  testStopping(fixture);
  testFit(fixture);
}
