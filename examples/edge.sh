#!/usr/bin/env bash
# A graph that TensorFlow exported, trained at a trainlet service with curl and jq: edge.sh [url] [file.meta]
set -euo pipefail
here=$(dirname "$0")
sessions=${1:-http://127.0.0.1:8787}/v1/sessions
meta=${2:-$here/tutorial.meta}

# Prints the answer. A refusal goes to stderr, whole: its detail says what is wrong.
call() {
  local answer
  answer=$(curl -sS --fail-with-body ${TRAINLET_TOKEN:+-H "authorization: Bearer $TRAINLET_TOKEN"} "$@") ||
    { echo "$answer" >&2 && return 1; }
  [ -z "$answer" ] || echo "$answer"
}

id=$(call "$sessions" -H 'content-type: application/x-protobuf' --data-binary "@$meta" | jq -r .id)
trap 'call -X DELETE "$sessions/$id"' EXIT

call "$sessions/$id/run" -H 'content-type: application/json' -d '{ "fetches": ["init"] }' >/dev/null

# photo.safetensors holds one tensor with the name of its feed, input_node:0 [1,100,100,3]; the rest stands in the query.
call "$sessions/$id/run?fetches=train_op&repeat=100" \
  -H 'content-type: application/vnd.safetensors' --data-binary "@$here/photo.safetensors" >/dev/null

call "$sessions/$id/moving-statistics" |
  jq -r '.[] | "\(.layer): mean[0] \(.mean.data[0]), variance[0] \(.variance.data[0]), \(.updates) updates"'
