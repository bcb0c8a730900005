#!/usr/bin/env bash
# An organisation, an invitation into it, and its members. What lets somebody in takes a token of role admin.
set -euo pipefail

hub() { # METHOD PATH [curl's arguments]
  curl --silent --show-error --fail-with-body --request "$1" --header "Authorization: Bearer $HF_TOKEN" "${@:3}" "$HF_ENDPOINT$2"
}
json() { # METHOD PATH BODY
  hub "$1" "$2" --header 'Content-Type: application/json' --data "$3"
}

org=example-$RANDOM$RANDOM
json POST /org/create "{\"name\": \"$org\", \"description\": \"Made by an example\"}" | jq --raw-output '"made \(.name)"'

# Good for three people within a week, each of whom becomes a member.
invitation=$(json POST "/api/invitations/org/$org/create" '{"role": "member", "max_usage": 3, "expires_days": 7}')
jq --raw-output '"send them \(.invitation_link)"' <<<"$invitation"
token=$(jq --raw-output '.token' <<<"$invitation")
hub GET "/api/invitations/$token" | jq --raw-output '"invites into \(.org_name) as \(.role)"'
hub GET "/api/invitations/org/$org/list" | jq --raw-output '"open invitations: \(.invitations | length)"'
hub DELETE "/api/invitations/$token" | jq --raw-output .message

hub GET "/org/$org/members" | jq --raw-output '.members[] | "\(.user) is \(.role)"'
