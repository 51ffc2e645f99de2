#!/usr/bin/env bash
# Photographs the page of a report in Chromium, as a desktop and as a telephone show its beginning, in light and dark:
# page-desktop.png, page-desktop-dark.png, page-phone.png, page-phone-dark.png in the folder named second (the report's by default).
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

photograph() { # NAME WIDTH HEIGHT OPTION...
  local name=$1 size=$2,$3
  shift 3
  "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
    --window-size="$size" --screenshot="$folder/$name.png" "$@" "file://$page" 2>/dev/null
  echo "$folder/$name.png"
}

photograph page-desktop 1280 1800
photograph page-desktop-dark 1280 1800 --blink-settings=preferredColorScheme=0
# Chromium makes no window narrower than 500, so the telephone is a frame in one.
frame=$(mktemp --suffix=.html)
trap 'rm -f "$frame"' EXIT
printf '<!DOCTYPE html><meta name="color-scheme" content="light dark"><body style="margin:0;background:#808080;text-align:center"><iframe src="file://%s" style="border:0;width:390px;height:2400px"></iframe>' \
  "$page" >"$frame"
page=$frame
photograph page-phone 500 2400
photograph page-phone-dark 500 2400 --blink-settings=preferredColorScheme=0
