#!/usr/bin/env bash
# Makes sure that OpenBLAS, the yardstick of the benchmarks, is there with its header and its pkg-config file. Installs it on Debian and
# Ubuntu where it may. The product does not use it.
set -euo pipefail

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

compiler=
for candidate in "${CC:-}" "$(dirname "$(readlink -f "$(command -v "${SWIFT:-swift}")")")/clang" clang cc gcc; do
  if [[ -n $candidate ]] && command -v "$candidate" >/dev/null; then
    compiler=$candidate
    break
  fi
done
[[ -n $compiler ]] || fail "no C compiler was found beside Swift or on the PATH."

# OpenBLAS as the package Benchmarks finds it; a header alone may be another BLAS's.
has_openblas() {
  command -v pkg-config >/dev/null && pkg-config --exists openblas &&
    printf '#include <cblas.h>\nint main(void) { openblas_set_num_threads(1); return 0; }\n' |
    "$compiler" $(pkg-config --cflags openblas) -x c - -o /dev/null $(pkg-config --libs openblas) >/dev/null 2>&1
}

if has_openblas; then exit 0; fi
if [[ $(uname -s) == Darwin ]]; then
  fail "OpenBLAS or pkg-config is missing. Run: brew install openblas pkgconf" \
    "and then: export PKG_CONFIG_PATH=\"\$(brew --prefix openblas)/lib/pkgconfig\""
fi
command -v apt-get >/dev/null || fail "OpenBLAS is missing, with its header cblas.h and openblas.pc." \
  "Install it with your package manager (Fedora: dnf install openblas-devel pkgconf)."
"$(dirname "$0")/install-packages.sh" "OpenBLAS and pkg-config" libopenblas-dev pkg-config
has_openblas || fail "libopenblas-dev is installed, but '$compiler' cannot compile and link against it by pkg-config." \
  "On Debian, 'update-alternatives --config openblas.pc-$(uname -m)-linux-gnu' chooses which one counts."
