package cmd

import (
	"io"
	"time"
)

// MainAt is [Main] with a clock, and with the ticks of logs that are followed.
func MainAt(now func() time.Time, ticks <-chan time.Time, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	followTicks = func() (<-chan time.Time, func()) { return ticks, func() {} }
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, now: now}
	return p.run(args)
}

const (
	// Password is that of the user prometheus, and Hashed is bcrypt's hash of it.
	Password = "open sesame"
	Hashed   = "$2a$04$qXVEgtuZpW2Bqg4p5tgldux74q5drLBxg.EXoPF9hLqmGIpKqsqgS"
)

// DoNotPause lets nothing wait before it looks at files again.
func DoNotPause() { pause = func(time.Duration) {} }

// PolicyPlace has a policy that no flag names looked for in a file, "" for none, and in no
// variable unless that is asked for.
func PolicyPlace(file string, environment func(string) (string, bool)) {
	machine = policyPlaces{environment, file}
}

// CopyCommand and CopiedFolders are what certaudit collect --tar runs, and what it copies.
var (
	CopyCommand   = copyCommand
	CopiedFolders = copiedFolders
)

// KeptComplaints is what is kept of the error stream of ssh, which is read as os/exec
// reads it.
func KeptComplaints(stream io.Reader) string {
	var t tail
	_, _ = io.Copy(&t, stream)
	return t.String()
}

// UnitsOf and ParseSince are what certaudit logs asks journalctl for, and what it takes
// for --since.
var (
	UnitsOf    = unitsOf
	ParseSince = parseSince
)
