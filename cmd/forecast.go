package cmd

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/report"
)

func (p *program) forecastCommand() *cobra.Command {
	var f auditFlags
	var format string
	names := formatNames(report.ForecastFormats())
	c := &cobra.Command{
		Use:   "forecast [PATH...]",
		Short: "Say what ends when, what stops that day, and the last day to renew it",
		Long: `Audit the node, or what the PATHs hold as certaudit audit does, and judge its connections
again at the end of each certificate: which break with it, what people notice of that,
which renewals belong together, and the last day on which renewing still prevents it.
What the kubelet renews by itself is said to be that, and is no work.

Exit code 3 if something could not be read or judged, or a needed file is missing; else 0.`,
		Example: `  sudo certaudit forecast
  certaudit forecast --within 400d snapshots/
  sudo certaudit forecast -o ics > renewals.ics`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.take(c, args); err != nil {
				return err
			}
			return p.forecast(f, format)
		},
	}
	flags := c.Flags()
	f.registerRoots(c)
	f.registerProcesses(c)
	f.registerExclude(c)
	f.registerPasswords(c)
	flags.StringVar(&f.at, "at", "", "forecast from this `TIME` on, RFC 3339 or a date (default now)")
	flags.StringVar(&f.within, "within", "", "no further than this `TIME` ahead, such as 90d or 36h (default: all that is known)")
	f.config.register(c, p.places, "read the policy from this `FILE`: further paths, layouts and requirements")
	flags.StringVar(&f.overrides.KubernetesVersion, "kubernetes-version", "", "judge by the requirements of this `VERSION` (default: from the image tags)")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, as with the environment variable NO_COLOR")
	flags.StringVarP(&format, "output", "o", names[0], "`FORMAT`: "+strings.Join(names, ", "))
	complete(c, "output", names)
	return c
}

func (p *program) forecast(f auditFlags, format string) error {
	f.failOn = never
	form, err := formatNamed(report.ForecastFormats(), format, "a forecast")
	if err != nil {
		return err
	}
	o, stop, err := p.begin(f)
	if err != nil {
		return err
	}
	defer stop()
	var until time.Time
	if o.Within > 0 {
		until, o.Within = o.At.Add(o.Within), 0
	}
	inventories, err := p.gather(f, o)
	if err != nil {
		return err
	}
	r, after := audit.Rerun(nil, inventories, o)
	told := audit.ForecastOf(r, after, o, until)
	b := bufio.NewWriter(p.stdout)
	if err := wrote("the forecast", b, form.Write(b, told, terminal(p.stdout, f.noColor))); err != nil {
		return err
	}
	if told.Incomplete() {
		return exit{code: exitIncomplete}
	}
	return nil
}

// maxWithin is the furthest that --within looks ahead: a hundred years.
const maxWithin = 36525 * 24 * time.Hour

// parseWithin reads how far ahead to look: days, "90d", or hours and minutes, "36h".
func parseWithin(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(n, int(maxWithin/(24*time.Hour))+1)) * 24 * time.Hour
	}
	if err != nil || d <= 0 || d > maxWithin {
		return 0, fmt.Errorf("%q is no time ahead; write it like 90d or 36h, up to %dd", s, int(maxWithin/(24*time.Hour)))
	}
	return d, nil
}
