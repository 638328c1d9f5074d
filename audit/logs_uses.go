package audit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
	"certaudit/parsers/logs"
)

// otherFiles are about programs that said that they use another file than the one that they
// are configured with. Both are paths as the program sees them. Only the last start that
// the logs tell of counts, and none that is older than the process that runs now.
func (t *LogTies) otherFiles(uses []logs.Use) []Finding {
	var out []Finding
	for _, u := range uses {
		n, _ := t.writerOf(u.At)
		if n == nil {
			continue
		}
		c, ok := n.inv.Component(u.At.Component)
		values := valuesOf(c, u.Setting)
		switch whole, _ := isWhole(n.inv, c); {
		case !ok || !whole || len(values) == 0, isSuperseded(u, uses), slices.Contains(values, path.Clean(u.Path)):
			continue
		case !u.At.Time.IsZero() && n.started(c.Name).After(u.At.Time):
			continue
		}
		out = append(out, t.otherFile(n, c, u))
	}
	slices.SortStableFunc(out, compareFindings)
	return out
}

// valuesOf are the values of a flag, as paths.
func valuesOf(c inventory.Component, flag string) []string {
	var values []string
	for _, f := range c.Settings {
		if f.Name == flag && f.Value != "" {
			for v := range strings.SplitSeq(f.Value, ",") {
				values = append(values, path.Clean(strings.TrimSpace(v)))
			}
		}
	}
	return values
}

// isSuperseded reports whether a later start of the same program tells of another file.
func isSuperseded(u logs.Use, all []logs.Use) bool {
	return slices.ContainsFunc(all, func(o logs.Use) bool {
		return o.At.Node == u.At.Node && o.At.Host == u.At.Host && o.At.Component == u.At.Component && o.Setting == u.Setting && o.At.Time.After(u.At.Time)
	})
}

// otherFile reports a file that a program uses in place of the one that is configured.
func (t *LogTies) otherFile(n *nodeAudit, c inventory.Component, u logs.Use) Finding {
	setting := c.Setting(u.Setting)
	at := setting.Origin
	if at == (parsers.Origin{}) {
		at = c.Origin
	}
	when := ""
	if !u.At.Time.IsZero() {
		when = " at its start on " + instant(u.At.Time)
	}
	message := fmt.Sprintf("%s said%s (%s:%d) that it uses %s as --%s; here stands %s. What stands here was judged: either the process goes on with what stood here before, or the log is of an earlier start",
		c.Name, when, clip(u.At.Source), u.At.Number, clip(u.Path), u.Setting, clip(setting.Value))
	f := n.finding(checkDiffers, finding{component: c.Name, at: at, message: message,
		remedy: n.takeUp(inventory.Running{Process: inventory.Process{Component: c.Name, PID: c.PID}, File: c.Origin}, at.Path)})
	return f
}
