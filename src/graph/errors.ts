/**
 * TensorFlow's error classes (tensorflow/python/framework/errors_impl.py). All facts are in `message`: Comlink and HTTP
 * keep little else.
 */

/** The common base: `error instanceof TrainletError` tells a deliberate sentence from an accident. */
export class TrainletError extends Error {
  override name = "TrainletError";
}

/** What the caller passed is wrong whatever the state of the system: a shape, a dtype, a name, a truncated file. */
export class InvalidArgumentError extends TrainletError {
  override name = "InvalidArgumentError";
}

/** The system is not in the state the operation needs: an uninitialised variable, a closed session. */
export class FailedPreconditionError extends TrainletError {
  override name = "FailedPreconditionError";
}

/** Something asked for by name does not exist. */
export class NotFoundError extends TrainletError {
  override name = "NotFoundError";
}

/** A limit (memory, size) would be passed. */
export class ResourceExhaustedError extends TrainletError {
  override name = "ResourceExhaustedError";
}

/** The operation, dtype or argument is known but not supported here. */
export class UnimplementedError extends TrainletError {
  override name = "UnimplementedError";
}

/** The caller, or the platform, ended it. */
export class AbortedError extends TrainletError {
  override name = "AbortedError";
}

/** What was asked was not done in the time that it was given. */
export class DeadlineExceededError extends TrainletError {
  override name = "DeadlineExceededError";
}

/** A service cannot be reached, or cannot answer now. Trying again may help. */
export class UnavailableError extends TrainletError {
  override name = "UnavailableError";
}

/** The service needs to know who is asking: a token is missing, or is another one. */
export class UnauthenticatedError extends TrainletError {
  override name = "UnauthenticatedError";
}

/** A mistake of ours: please report it. */
export class InternalError extends TrainletError {
  override name = "InternalError";
}

const classes = {
  InvalidArgumentError,
  FailedPreconditionError,
  NotFoundError,
  ResourceExhaustedError,
  UnimplementedError,
  AbortedError,
  DeadlineExceededError,
  UnavailableError,
  UnauthenticatedError,
  InternalError,
};

/** Rebuilds an error of the class called `name`, as transports need it; an unknown name gives a plain Error. */
export function errorFromName(name: string, message: string): Error {
  const Class = (classes as Record<string, new (message: string) => Error>)[name];
  if (Class) return new Class(message);
  const error = new Error(message);
  error.name = name;
  return error;
}
