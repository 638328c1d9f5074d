#!/bin/sh
# Made by certaudit plan -o sh. DRY_RUN=1 prints the commands and runs none.
set -eu
umask 077
if [ "${DRY_RUN:-0}" = 1 ]; then sed -n '/^# steps$/,$p' "$0"; exit 0; fi
L=/run; [ -w "$L" ] || L=/tmp
L=$L/certaudit-plan.lock
mkdir "$L" || { echo "certaudit: another plan runs, or one was killed: see $L" >&2; exit 1; }
N=start B= LEFT=
finish() { r=$?; rmdir "$L"; [ "$N" = end ] || printf 'certaudit: stopped at: %s (exit %s). Nothing after it was done; copies are in %s.\n' "$N" "$r" "${B:-no folder yet}" >&2; }
trap finish EXIT
trap 'exit 143' HUP INT TERM
step() { N=$1; printf '== %s\n' "$1"; if [ -n "$B" ]; then printf '%s\n' "$P" > "$U"; printf '%s %s\n' "$(TZ=UTC0 date +%Y-%m-%dT%H:%M:%SZ)" "$1" >> "$B/plan.log"; fi; }
cat <<'PLAN'
certaudit: for cp-1 alone, as of 2026-11-23 12:00 UTC.
certaudit: what this plan does, in its order:
   1. see that 'x' is there
   2. write a file
   3. by hand: look at '/etc/x\nPLAN\n$(touch owned)'\x1b[31m; `touch owned`
PLAN
# steps
step 'see that '\''x'\'' is there'
[ -e /dev/null ]
step 'write a file'
cat > "$T" <<END
one: "1"
	two
END
printf '%s\n' 'it'\''s $HOME'
printf '%s\n' 'by hand: look at '\''/etc/x\nPLAN\n$(touch owned)'\''\x1b[31m; `touch owned`'
LEFT=1
N=end
[ -z "$B" ] || rm -f -- "$U"
if [ -n "$LEFT" ]; then echo 'certaudit: done, but for what is left to do by hand' >&2; exit 3; fi
echo 'certaudit: done'
