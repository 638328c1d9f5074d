package report

import (
	"cmp"

	"certaudit/audit"
)

// level is how much attention something needs: a severity, or one of the two
// below. The style sheet of the page knows each by name.
type level string

const (
	levelOK      level = "ok"
	levelUnknown level = "unknown"
)

// looks are what the levels have beside their names: an ANSI colour and a mark for
// those who see none, empty for none, and a rank that is higher for what needs more
// attention.
var looks = map[level]struct {
	color, mark string
	rank        int
}{
	levelOK:               {green, "", 0},
	levelUnknown:          {"", "?", 1},
	level(audit.Info):     {"", "i", 1},
	level(audit.Warning):  {yellow, "!", 2},
	level(audit.Critical): {red, "✗", 3},
}

// The ANSI colours in use.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

// severityLevel is the level of a finding.
func severityLevel(s audit.Severity) level {
	if s.Rank() == 0 {
		return levelUnknown
	}
	return level(s)
}

// certificateLevel is the level of a certificate's status.
func certificateLevel(c audit.Certificate) level {
	if c.Status == "ok" {
		return levelOK
	}
	return severityLevel(c.Worst)
}

// verdictLevels are the levels of the verdicts on a request.
var verdictLevels = map[string]level{
	audit.VerdictSound:    levelOK,
	audit.VerdictDoubtful: level(audit.Warning),
	audit.VerdictReject:   level(audit.Critical),
}

func requestLevel(verdict string) level { return cmp.Or(verdictLevels[verdict], levelUnknown) }

// connectionLevels are the levels of a connection's status, the worst last. What is not
// verified is so in every sound cluster, where kubeadm sets no --kubelet-certificate-authority:
// what of it needs attention is a finding.
var connectionLevels = []struct {
	status string
	level  level
}{
	{audit.VerdictNone, levelUnknown},
	{audit.VerdictOK, levelOK},
	{audit.VerdictUnknown, levelUnknown},
	{audit.VerdictUnverified, levelUnknown},
	{audit.VerdictBroken, level(audit.Critical)},
}

// connectionRank orders statuses, the worst highest; -1 for an unknown word.
func connectionRank(status string) int {
	for i, l := range connectionLevels {
		if l.status == status {
			return i
		}
	}
	return -1
}

func connectionLevel(status string) level {
	if i := connectionRank(status); i >= 0 {
		return connectionLevels[i].level
	}
	return levelUnknown
}

// paint returns s in the colour of l, where colours are allowed and l has one.
func (o Options) paint(l level, s string) string {
	color := looks[l].color
	if !o.Color || color == "" {
		return s
	}
	return color + s + reset
}
