# watch removes a folder, if it is given one, and ends this shell with all that it runs, root's
# processes too where sudo allows that, once $limit seconds are over: whoever asked has
# given up by then, and no signal comes where a connection ends. unwatch ends that. The shell of an ssh session leads the group of its processes.
watch() {
	(
		trap 'kill "$nap" 2>/dev/null; exit' TERM
		sleep "$limit" &
		nap=$!
		wait "$nap"
		trap '' TERM
		kill -s TERM -- "-$$" || kill -s TERM "$$"
		sleep 1
		[ -z "${1-}" ] || rm -rf "$1"
		[ "$(id -u)" = 0 ] || sudo -n -- sh -c 'kill -s KILL -- "-$1"' sh "$$" # what root runs there
		kill -s KILL -- "-$$" || kill -s KILL "$$"
	) </dev/null >/dev/null 2>&1 &
	watcher=$!
}

unwatch() { kill "$watcher" 2>/dev/null; }

