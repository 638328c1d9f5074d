//go:build !unix

package cmd_test

import "github.com/rogpeppe/go-internal/testscript"

func fifo(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("there is no mkfifo(3) on this system")
}
