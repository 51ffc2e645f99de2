#!/usr/bin/env bash
# Makes sure that what the build needs is there: Swift 6.1 or later, MPFR and GMP with their headers. Installs the two
# libraries on Debian and Ubuntu where it may; says which command to run where it may not. Safe to run again and again.
set -euo pipefail

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

swift_command=${SWIFT:-swift}
if ! command -v "$swift_command" >/dev/null; then
  fail "Swift is missing. Install Swift 6.1 or later from https://www.swift.org/install and put it on the PATH."
fi
# Read to its end, so that swift does not meet a closed pipe.
version_text=$("$swift_command" --version 2>/dev/null) || fail "'$swift_command --version' failed."
if [[ $version_text =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]]; then
  if ((BASH_REMATCH[1] < 6 || BASH_REMATCH[1] == 6 && BASH_REMATCH[2] < 1)); then
    fail "Swift ${BASH_REMATCH[1]}.${BASH_REMATCH[2]} is too old." \
      "Install Swift 6.1 or later from https://www.swift.org/install."
  fi
else
  fail "'$swift_command --version' gave no version of Swift: $version_text"
fi

case $(uname -s) in
  Darwin)
    missing=()
    for formula in mpfr gmp; do
      if ! brew --prefix --installed "$formula" >/dev/null 2>&1; then missing+=("$formula"); fi
    done
    if ((${#missing[@]} > 0)); then
      fail "missing: ${missing[*]}. Run: brew install ${missing[*]}" "(Homebrew itself: https://brew.sh)"
    fi
    exit 0
    ;;
  Linux) ;;
  *) fail "only Linux and macOS are supported, not $(uname -s)." ;;
esac

# Asks the compiler that the build will use, and not a package list: the libraries may have been built by hand.
has_libraries() {
  local folder
  folder=$(mktemp -d)
  printf '#include <stdio.h>\n#include <gmp.h>\n#include <mpfr.h>\n%s\n' \
    'int main(void) { return mpfr_get_version() == 0 || gmp_version == 0; }' >"$folder/probe.c"
  local found=1
  if "$1" "$folder/probe.c" -o "$folder/probe" -lmpfr -lgmp >/dev/null 2>&1; then found=0; fi
  rm -rf "$folder"
  return "$found"
}

compiler=
for candidate in "$(dirname "$(readlink -f "$(command -v "$swift_command")")")/clang" clang cc gcc; do
  if command -v "$candidate" >/dev/null; then
    compiler=$candidate
    break
  fi
done
[[ -n $compiler ]] || fail "no C compiler was found beside Swift or on the PATH."

if has_libraries "$compiler"; then exit 0; fi

packages=(libmpfr-dev libgmp-dev)
if ! command -v apt-get >/dev/null; then
  fail "MPFR and GMP are missing, with their headers." \
    "Install them with your package manager (Fedora: dnf install mpfr-devel gmp-devel)."
fi
"$(dirname "$0")/install-packages.sh" "MPFR and GMP" "${packages[@]}"
if ! has_libraries "$compiler"; then
  fail "${packages[*]} are installed, but '$compiler' cannot compile and link against them." \
    "A toolchain with a system root of its own does not see them."
fi
