#!/usr/bin/env bash
# Likes, downloads and trends.
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

hub POST "/api/models/$repository/like" | jq --raw-output '"likes: \(.likes_count)"'
hub GET "/api/models/$repository/like" | jq --raw-output '"liked: \(.liked)"'
hub GET "/api/models/$repository/likers?format=full&limit=50" | jq --raw-output '"likers: \(.total)"'
hub GET "/api/users/$own/likes" | jq --raw-output '.[0].repo.name'
hub DELETE "/api/models/$repository/like" | jq --raw-output '"likes: \(.likes_count)"'

hub GET "/api/models/$repository/stats" | jq --raw-output '"downloads: \(.downloads)"'
hub GET "/api/models/$repository/stats/recent?days=30" | jq --raw-output '"days: \(.stats | length)"'
hub GET '/api/trending?repo_type=model&days=7&limit=20' | jq --raw-output '"trends over \(.period.days) days"'

json DELETE /api/repos/delete "{\"name\": \"$repository\"}" >/dev/null
