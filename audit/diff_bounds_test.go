//go:build !race

package audit_test

import (
	"strings"
	"testing"

	"certaudit/audit"
)

// endless is a list without an end.
type endless struct{ begun bool }

func (e *endless) Read(p []byte) (int, error) {
	fill := strings.Repeat(" ", len(p))
	if !e.begun {
		e.begun, fill = true, `{"later":[`+fill
	}
	return copy(p, fill), nil
}

func TestParseResultIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads half a gigabyte")
	}
	if _, err := audit.ParseResult(&endless{}); err == nil || err.Error() != "is larger than 512 MiB" {
		t.Error(err)
	}
}
