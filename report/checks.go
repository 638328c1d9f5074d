package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"certaudit/audit"
)

// ChecksFormats returns the formats of certaudit checks, the default first.
func ChecksFormats() []FormatOf[[]audit.Check] {
	return []FormatOf[[]audit.Check]{
		{Name: "table", Summary: "one check a line; of a single one all that there is to say", Write: writeChecks},
		{Name: "json", Summary: "all that there is to say of each", Write: func(w io.Writer, c []audit.Check, _ Options) error { return writeJSONValue(w, c) }},
	}
}

func writeChecks(w io.Writer, checks []audit.Check, _ Options) error {
	if len(checks) == 1 {
		c := checks[0]
		_, err := fmt.Fprintf(w, `%s (%s)
%s.

Why:      %s
Example:  %s
Remedy:   %s
Source:   %s
`, c.ID, c.Severity, c.Summary, c.Why, c.Example, c.Remedy, c.Source)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(t, "CHECK\tSEVERITY\tSAYS")
	for _, c := range checks {
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.ID, c.Severity, c.Summary)
	}
	return t.Flush()
}
