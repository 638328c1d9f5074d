package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"

	"certaudit/audit"
)

// writeLines writes a line for each finding as compilers do, the most urgent first:
// "path:line: severity check: message". What has no line is at line 1. Of several nodes
// the files lie below the name of each.
func writeLines(w io.Writer, r audit.Result, _ Options) error {
	place := func(f audit.Finding) string { return f.Path }
	if severalNodes(r) {
		place = locator(r)
	}
	b := bufio.NewWriter(w)
	for _, f := range urgent(r) {
		fmt.Fprintf(b, "%s:%d: %s %s: %s\n", printable(cmp.Or(place(f), ".")), max(f.Line, 1), printable(string(f.Severity)), printable(f.Check), brief(seen(f)))
	}
	return b.Flush()
}
