#!/usr/bin/env bash
# Whether a name is free, before anything is made.
set -euo pipefail

check() { # NAME
  curl --silent --show-error --fail-with-body --header "Authorization: Bearer $HF_TOKEN" --header 'Content-Type: application/json' \
    --data "{\"name\": \"$1\"}" "$HF_ENDPOINT/api/validate/check-name" | jq --raw-output "\"$1: \\(.available) \\(.message)\""
}

check "free-$RANDOM$RANDOM"
check "$(curl --silent --fail --header "Authorization: Bearer $HF_TOKEN" "$HF_ENDPOINT/api/whoami-v2" | jq --raw-output .name)"
check api
