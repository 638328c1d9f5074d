# watch removes a folder and ends this shell with all that it runs, once $limit seconds are
# over: whoever asked has given up by then, and no signal comes where a connection ends.
# unwatch ends that. The shell of an ssh session leads the group of its processes.
watch() {
	(
		trap 'kill "$nap" 2>/dev/null; exit' TERM
		sleep "$limit" &
		nap=$!
		wait "$nap"
		trap '' TERM
		kill -s TERM -- "-$$" || kill -s TERM "$$"
		sleep 1
		rm -rf "$1"
		kill -s KILL -- "-$$" || kill -s KILL "$$"
	) </dev/null >/dev/null 2>&1 &
	watcher=$!
}

unwatch() { kill "$watcher" 2>/dev/null; }

