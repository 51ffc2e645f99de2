#!/usr/bin/env bash
# Makes bash's completion script and asks it, as Tab would, for recipes, formats, models and flags. Expects ropedrift in PATH.
set -euo pipefail

# shellcheck disable=SC1090
source <(ropedrift --generate-completion-script bash)

# What Tab offers for the words of a line, the last of which is being typed.
offered() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  COMP_LINE="$*"
  COMP_POINT=${#COMP_LINE}
  COMPREPLY=()
  _ropedrift "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}" || true
  printf '%s\n' "${COMPREPLY[@]}"
}

expect() {
  local wanted=$1 found
  shift
  found=$(offered "$@")
  # Not through a pipe, whose reader may be gone before all is written.
  if ! grep -Fxq -- "$wanted" <<<"$found"; then
    echo "check-completions: '$*' does not offer $wanted but: ${found//$'\n'/ }" >&2
    exit 1
  fi
}

expect report ropedrift rep
expect hf-bf16 ropedrift report --recipe hf-
expect --recipe ropedrift columns --rec
expect bf16 ropedrift round 1 --format b
expect llama-3.1-8b ropedrift report --model llama-
expect half-split ropedrift score --layout half
expect nearest-even ropedrift round 1 --rounding near
expect always ropedrift formats --color al
expect gpt-neox-1003 ropedrift cases gpt
echo "check-completions: all offered"
