#!/usr/bin/env bash
# Installs packages of Debian or Ubuntu where it may, and says which command to run where it may not.
# install-packages.sh WHAT PACKAGE...: WHAT names in a message what the packages bring ("MPFR and GMP").
set -euo pipefail

what=$1
shift

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

if (($(id -u) == 0)); then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  fail "$what are missing, and installing them needs the superuser. Run:" \
    "  sudo apt-get update && sudo apt-get install -y $*"
fi

echo "setup: installing $*" >&2
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@")
# A machine that has package lists needs no update.
if ! "${install[@]}" >&2; then
  "${as_root[@]}" apt-get update >&2 || fail "apt-get update failed; see above. Is there a network?"
  "${install[@]}" >&2 || fail "installing $* failed; see above."
fi
