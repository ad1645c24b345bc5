/**
 * "Show all nodes": one node of a picture taken apart into its operations, or into its scopes where that would be more nodes
 * than are laid out quickly. What is around it stays as it is.
 */
import { groupsOf, pictureOf, type GraphJson, type NodeJson, type ReducedGraph } from "./reduce.ts";
import { othersName } from "./text.ts";

/** dagre takes tens of milliseconds for these, and two seconds for 450. */
const mostNodes = 60;

type Members = Map<string, readonly NodeJson[]>;

/** The whole graph, with the last node of `path` taken apart, which is a part of the one before it, and so on. */
export function open(json: GraphJson, path: readonly string[], fetch = "train_op"): ReducedGraph {
  const groups = groupsOf(json, fetch);
  const members: Members = new Map(groups.members);
  const shown = new Set([...members.values()].flat());
  const others = json.graphDef.node.filter((node) => !shown.has(node));
  if (others.length > 0) members.set(othersName, others);
  let outer: { readonly name: string; readonly parts: Members } | null = null;
  for (const name of path) {
    const operations: readonly NodeJson[] | undefined = members.get(name);
    if (!operations) break;
    members.delete(name);
    if (outer) {
      // One level is open: what was around it is one node again.
      const around = [...outer.parts].filter(([part]) => part !== name);
      for (const [part] of around) members.delete(part);
      if (around.length > 0)
        members.set(
          outer.name,
          around.flatMap(([, list]) => list),
        );
    }
    const parts = apart(operations, mostNodes - members.size);
    for (const [part, list] of parts) members.set(part, list);
    outer = { name, parts };
  }
  return pictureOf({ ...groups, members });
}

/** At most `room` parts: operations, else scopes as far inside as fit, else as many operations in each as must be. */
function apart(operations: readonly NodeJson[], room: number): Members {
  const depths = Math.max(...operations.map(({ name }) => name.split("/").length));
  for (let depth = depths; depth > 0; depth--) {
    const parts = Map.groupBy(operations, ({ name }) => name.split("/").slice(0, depth).join("/"));
    if (parts.size <= room && parts.size > 1) return parts;
  }
  const size = Math.ceil(operations.length / room);
  return Map.groupBy(operations, (_, i) => {
    const first = operations[i - (i % size)].name;
    return size > 1 ? `${first} and what follows` : first;
  });
}
