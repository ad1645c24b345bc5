/** A fit's request and its progress as JSON, for both ends of the way. */
import type { FeedValue } from "../../src/index.ts";
import type { FitRequest, FitSteps } from "../api.ts";
import { feedToJson } from "./json.ts";

export function fitRequestToJson({ constants, validation, ...rest }: FitRequest): object {
  return {
    ...rest,
    ...(constants && { constants: feedsToJson(constants) }),
    ...(validation && {
      validation: {
        ...validation,
        ...(validation.constants && { constants: feedsToJson(validation.constants) }),
      },
    }),
  };
}

function feedsToJson(feeds: { readonly [tensor: string]: FeedValue }): object {
  return Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, feedToJson(value)]));
}

/** A loss may be NaN where no one watches it, which JSON has no number for: it is a string then. */
export function stepsToJson(steps: FitSteps): string {
  return JSON.stringify(steps, (_key, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
  );
}

export function stepsFromJson({ progress, ...rest }: FitSteps): FitSteps {
  return {
    ...rest,
    progress: progress.map(({ fetches, validation, ...step }) => ({
      ...step,
      fetches: numbers(fetches),
      ...(validation && { validation: numbers(validation) }),
    })),
  };
}

function numbers(scalars: { readonly [key: string]: number | string }): { [key: string]: number } {
  return Object.fromEntries(Object.entries(scalars).map(([key, value]) => [key, Number(value)]));
}
