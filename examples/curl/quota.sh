#!/usr/bin/env bash
# Limits, and what is stored. Raising a limit takes an administrator of the hub.
set -euo pipefail

hub() { # METHOD PATH [curl's arguments]
  curl --silent --show-error --fail-with-body --request "$1" --header "Authorization: Bearer $HF_TOKEN" "${@:3}" "$HF_ENDPOINT$2"
}
json() { # METHOD PATH BODY
  hub "$1" "$2" --header 'Content-Type: application/json' --data "$3"
}

own=$(hub GET /api/whoami-v2 | jq --raw-output .name)
repository=$own/example-$RANDOM$RANDOM
json POST /api/repos/create "{\"name\": \"$repository\"}" >/dev/null

hub GET "/api/quota/$own" | jq --raw-output '"\(.namespace) uses \(.used_bytes) of \(.quota_bytes // "unlimited") bytes"'
hub GET "/api/quota/$own/public" | jq --raw-output '"public: \(.public_used_bytes) bytes"'

# A repository may have a limit of its own within its namespace's.
json PUT "/api/quota/repo/model/$repository" '{"quota_bytes": 1000000000}' | jq --raw-output '"limit: \(.effective_quota_bytes)"'
hub GET "/api/quota/repo/model/$repository" | jq --raw-output '"used: \(.used_bytes)"'
hub POST "/api/quota/repo/model/$repository/recalculate" | jq --raw-output '"counted anew: \(.used_bytes)"'
hub GET "/api/quota/$own/repos" | jq --raw-output '.repositories[0].repo_id' >/dev/null

json DELETE /api/repos/delete "{\"name\": \"$repository\"}" >/dev/null
