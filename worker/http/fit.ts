/** A fit's request as the service reads it, and the fit as a Durable Object stores it. */
import type { FitInfo, FitRequest } from "../api.ts";
import { fitRequestToJson } from "./fitJson.ts";
import { check, fitBody, readFeeds } from "./schemas.ts";

/** @throws InvalidArgumentError with the path of what does not fit. */
export function fitRequestFromJson(json: unknown): FitRequest {
  const { constants, validation, ...rest } = check(fitBody, json);
  return {
    ...rest,
    ...(constants && { constants: readFeeds(constants) }),
    ...(validation && {
      validation: {
        ...validation,
        ...(validation.constants && { constants: readFeeds(validation.constants) }),
      },
    }),
  } as FitRequest;
}

export function fitToText({ request, ...rest }: FitInfo): string {
  return JSON.stringify({ request: fitRequestToJson(request), ...rest });
}

export function fitFromText(text: string): FitInfo {
  const { request, ...rest } = JSON.parse(text) as FitInfo;
  return { request: fitRequestFromJson(request), ...rest };
}
