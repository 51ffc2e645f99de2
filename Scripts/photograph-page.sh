#!/usr/bin/env bash
# Photographs the page of a report in Chromium: its beginning and its first pictures, as a desktop and as a telephone show them, the
# pictures in dark too. Writes page-*.png into the folder named second (the report's by default).
#
# Usage: Scripts/photograph-page.sh [REPORT [FOLDER]]     (Reports/sample, the same)
# Needs chromium; on Debian: apt-get install chromium. Its version and fonts decide the bytes, so nothing compares them.
set -euo pipefail

report=${1:-Reports/sample}
folder=${2:-$report}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "photograph-page: no chromium; on Debian: apt-get install chromium" >&2
  exit 1
}
page=$(realpath -- "$report")/report.html
[[ -r $page ]] || { echo "photograph-page: '$page' cannot be read" >&2; exit 1; }
frame=$(mktemp --suffix=.html)
trap 'rm -f "$frame"' EXIT

photograph() { # NAME WIDTH HEIGHT PART OPTION...
  local name=$1 width=$2 height=$3 part=$4
  shift 4
  # A frame, because Chromium makes no window narrower than 500.
  printf '<!DOCTYPE html><meta name="color-scheme" content="light dark"><body style="margin:0"><iframe src="file://%s#%s" style="border:0;width:%dpx;height:%dpx"></iframe>' \
    "$page" "$part" "$width" "$height" >"$frame"
  "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
    --window-size="$((width < 500 ? 500 : width)),$height" --screenshot="$folder/$name.png" "$@" "file://$frame" 2>/dev/null
  echo "$folder/$name.png"
}

photograph page-desktop 1280 1500 ''
photograph page-desktop-pictures 1280 1500 ladder
photograph page-desktop-dark 1280 1500 ladder --blink-settings=preferredColorScheme=0
photograph page-phone 390 1500 ''
photograph page-phone-pictures 390 1500 tokens
photograph page-phone-dark 390 1500 tokens --blink-settings=preferredColorScheme=0
