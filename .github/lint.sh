#!/usr/bin/env bash
# What action.yml runs: lint and scan, reports first, then the same for people; the worst exit code.
set -uo pipefail
code=0
judge() { # NAME COMMAND...
  local name=$1 found
  shift
  if [[ -n ${SARIF:-} ]]; then
    mkdir -p "$SARIF" || { code=2; return; }
    "$@" --format sarif > "$SARIF/.$name.part" 2> /dev/null
    # what could not be read has no report, and an empty one is none
    if [[ -s $SARIF/.$name.part ]]; then
      mv "$SARIF/.$name.part" "$SARIF/$name.sarif"
    else
      rm -f "$SARIF/.$name.part"
    fi
  fi
  "$@"
  found=$?
  if ((found > code)); then code=$found; fi
}
# words of the workflow's author, on purpose split into arguments
# shellcheck disable=SC2086
[[ -n ${FILES:-} ]] && judge lint xcomkit lint ${ARGUMENTS:-} $FILES
[[ -n ${DAGS:-} ]] && judge dags xcomkit scan-dags "$DAGS"
if [[ -z ${FILES:-}${DAGS:-} ]]; then
  echo "xcomkit: nothing to do. Next: set files or dags." >&2
  code=2
fi
exit "$code"
