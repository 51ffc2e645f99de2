#!/bin/sh
# Checks that every key cited in a comment of Sources and Tests, such as [Su2021], has exactly one entry in References.md.
# A key is a bracketed capitalised word in a comment, outside backquotes; [A, B] cites two. POSIX tools only.
# Exit code: 0 all there, 1 some missing or doubled.
set -eu
cd "$(dirname "$0")/.."

entries=$(sed -n 's/^\*\*\[\([A-Za-z0-9-]*\)\]\*\*.*/\1/p' References.md | sort)
status=0

for key in $(printf '%s\n' "$entries" | uniq -d); do
  echo "References.md: two entries for [$key]; keep one" >&2
  status=1
done

# file:line:comment, from the first // that is not part of an address.
citations=$(
  find Sources Tests \( -name '*.swift' -o -name '*.h' -o -name '*.c' \) -exec grep -nE '(^|[^:"])//' /dev/null {} + |
    sed -e 's/^\([^:]*:[0-9]*:\)\(.*[^:"]\)\{0,1\}\/\//\1/' -e 's/`[^`]*`//g' |
    awk -F: '{
      place = $1 ":" $2; rest = substr($0, length(place) + 2)
      while (match(rest, /\[[A-Z][A-Za-z0-9-]*(, [A-Z][A-Za-z0-9-]*)*\]/)) {
        count = split(substr(rest, RSTART + 1, RLENGTH - 2), keys, ", ")
        for (i = 1; i <= count; i++) print keys[i], place
        rest = substr(rest, RSTART + RLENGTH)
      }
    }' | sort
)
if [ -z "$citations" ]; then
  echo "check-references: found no citations in Sources and Tests, which cannot be; mend the pattern in $0" >&2
  exit 1
fi

missing=$(printf '%s\n' "$citations" | while read -r key place; do
  printf '%s\n' "$entries" | grep -qxF "$key" || echo "$place: [$key] has no entry in References.md; add one, or put the brackets in backquotes"
done)
if [ -n "$missing" ]; then
  printf '%s\n' "$missing" >&2
  status=1
fi
exit $status
