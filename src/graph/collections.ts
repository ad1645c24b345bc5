/** Names of the standard collections (tensorflow/python/framework/ops.py, GraphKeys). */
export const GraphKeys = {
  GLOBAL_VARIABLES: "variables",
  LOCAL_VARIABLES: "local_variables",
  TRAINABLE_VARIABLES: "trainable_variables",
  METRIC_VARIABLES: "metric_variables",
  MODEL_VARIABLES: "model_variables",
  MOVING_AVERAGE_VARIABLES: "moving_average_variables",
  UPDATE_OPS: "update_ops",
  REGULARIZATION_LOSSES: "regularization_losses",
  LOSSES: "losses",
  TRAIN_OP: "train_op",
  GLOBAL_STEP: "global_step",
  COND_CONTEXT: "cond_context",
} as const;
