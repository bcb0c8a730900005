#!/usr/bin/env bash
# A repository from its creation to its end.
set -euo pipefail

hub() { # METHOD PATH [curl's arguments]
  curl --silent --show-error --fail-with-body --request "$1" --header "Authorization: Bearer $HF_TOKEN" "${@:3}" "$HF_ENDPOINT$2"
}
json() { # METHOD PATH BODY
  hub "$1" "$2" --header 'Content-Type: application/json' --data "$3"
}

own=$(hub GET /api/whoami-v2 | jq --raw-output .name)
name=example-$RANDOM$RANDOM
json POST /api/repos/create "{\"name\": \"$own/$name\"}" | jq --raw-output .url

# One JSON document per line: the header, then what changes.
hub POST "/api/models/$own/$name/commit/main" --header 'Content-Type: application/x-ndjson' --data-binary @- <<LINES | jq .commitUrl
{"key": "header", "value": {"summary": "A first file"}}
{"key": "file", "value": {"path": "notes/hello.txt", "content": "$(printf 'Hello\n' | base64)", "encoding": "base64"}}
LINES

hub GET "/api/models/$own/$name/tree/main?recursive=true" | jq --raw-output '.[] | "\(.type) \(.path) \(.size)"'
hub GET "/api/models/$own/$name/commits/main" | jq --raw-output '.[0].title'

# A file, and a part of it.
hub GET "/$own/$name/resolve/main/notes/hello.txt"
hub GET "/$own/$name/resolve/main/notes/hello.txt" --header 'Range: bytes=1-3'
echo

json DELETE /api/repos/delete "{\"name\": \"$own/$name\"}" | jq --raw-output .message
