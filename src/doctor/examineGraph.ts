/** tf.doctor: what is wrong with a graph, or with a run of it, without running anything. */
import type { Graph } from "../graph/graph.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { definitionOf } from "../ops/attached.ts";
import type { OpDefinition } from "../ops/definition.ts";
import { parseFeeds, smallValue, type Feeds } from "../runtime/feeds.ts";
import { parseFetches, type Fetches } from "../runtime/fetches.ts";
import { PlanConstants } from "../runtime/plan/constants.ts";
import { reach } from "../runtime/plan/reach.ts";
import { examine } from "./doctor.ts";
import { Examination } from "./examination.ts";
import type { Finding, Severity } from "./finding.ts";
import { isAtLeast } from "./format.ts";
import { rules } from "./rules/index.ts";
import { checkIds } from "./silence.ts";
import { structureOf, type Structure } from "./structure.ts";

export interface DoctorOptions {
  /** What the run fetches. Default: each training step that the graph has. */
  fetches?: Fetches;
  feeds?: Feeds;
  /** How many steps are planned: whether the moving statistics will have forgotten their initial value then. */
  steps?: number;
  /** Ids of rules whose findings are marked as silenced. */
  silence?: readonly string[];
  /** Leaves out what is less severe. Default "info": nothing. */
  severity?: Severity;
}

/** What the doctor finds in a run of the graph, the worst first. Nothing runs, and operations that trainlet cannot run may be
 * in it.
 * @throws InvalidArgumentError for fetches or feeds that the graph does not have */
export function doctor(graph: Graph, options: DoctorOptions = {}): Finding[] {
  const { steps, silence = [], severity = "info" } = options;
  checkIds(silence);
  const structure = structureOf(graph);
  const feeds = parseFeeds(graph, options.feeds);
  const fed = new Map(feeds.map((feed) => [feed.tensor, feed]));
  const isFed = (tensor: Tensor): boolean => fed.has(tensor);
  const runs = options.fetches === undefined ? trainOps(structure) : [parseFetches(graph, options.fetches).items];
  const findings = runs.flatMap((fetches) => {
    const constants = new PlanConstants({
      definitionOf: runnable,
      isFed,
      fedValue: (tensor) => smallValue(fed.get(tensor)!),
      isInitialized: () => true,
    });
    const reached = reach({ fetches, isFed, constants, definitionOf: runnable });
    return examine(new Examination({ structure, fetches, feeds, reach: reached, steps }), rules, silence);
  });
  const messages = new Set<string>();
  return findings.filter((finding) => {
    const known = messages.has(finding.message);
    messages.add(finding.message);
    return !known && isAtLeast(finding.severity, severity);
  });
}

/** What runs whole training steps: operations that need an optimizer and that nothing needs; without optimizers, those that
 * need update ops. */
function trainOps(structure: Structure): (readonly Operation[])[] {
  const { graph, optimizers, layers } = structure;
  const steps = optimizers.map(({ op }) => op);
  const updates = layers.flatMap((layer) => layer.applications.flatMap((at) => [at.mean.update, at.variance.update]));
  const ends = structure.below(steps.length > 0 ? steps : updates);
  return graph.operations.filter((op) => ends.has(op) && structure.dependents(op).length === 0).map((op) => [op]);
}

/** An operation that is not run here is still judged by what it takes and gives. Nothing is known to be right about its inputs. */
function runnable(op: Operation): OpDefinition {
  const definition = definitionOf(op);
  if (definition.plan.kind !== "refused") return definition;
  const { type, outputs, shape, gradient } = definition;
  return { type, outputs, shape, gradient, plan: { kind: "none" } };
}
