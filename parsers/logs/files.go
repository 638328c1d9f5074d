package logs

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

// componentOfPath is the component whose log a file is, by its name, and whether the name
// is one of a container's log, of which all lines are the container's; "" for none.
//
// kubelet writes /var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log and links
// /var/log/containers/<pod>_<namespace>_<container>-<id>.log to it
// (kubernetes pkg/kubelet/kuberuntime, BuildContainerLogsDirectory and logSymlink);
// OpenShift's must-gather writes pods/<pod>/<container>/<container>/logs/current.log.
func componentOfPath(name string) (component string, sure bool) {
	name = strings.ReplaceAll(name, `\`, "/")
	if m := podFile.FindStringSubmatch(name); m != nil {
		return componentOf([]byte(m[1]), false), true
	}
	if m := gatheredFile.FindStringSubmatch(name); m != nil {
		return componentOf([]byte(m[1]), false), true
	}
	if m := containerFile.FindStringSubmatch(path.Base(name)); m != nil {
		return componentOf([]byte(m[1]), false), true
	}
	stem := rotation.ReplaceAllString(path.Base(name), "")
	for {
		short := strings.TrimSuffix(strings.TrimSuffix(stem, ".log"), ".txt")
		if short == stem {
			break
		}
		stem = short
	}
	if component = componentOf([]byte(stem), true); component == "" {
		component = componentOfPod(stem)
	}
	return component, false
}

// otherPrograms are the words behind the name of a component that make it the name of another
// program: kube-apiserver-operator, etcd-backup.
var otherPrograms = []string{"operator", "cert", "check", "insecure", "recovery", "metrics", "readyz", "rev", "backup", "manager", "csr", "guard", "installer", "pruner", "revision", "exporter", "druid", "adapter"}

// componentOfPod is the component whose static pod has a name, that of the component with
// that of the node behind it, which logs are saved under; "" for none.
func componentOfPod(name string) string {
	for _, c := range replicated {
		after, ok := strings.CutPrefix(name, c+"-")
		first, _, _ := strings.Cut(after, "-")
		if ok && first != "" && !slices.Contains(otherPrograms, first) {
			return c
		}
	}
	return ""
}

var (
	podFile       = regexp.MustCompile(`(?:^|/)[^/_]+_[^/_]+_[^/_]+/([^/]+)/[0-9]+\.log[^/]*$`)
	gatheredFile  = regexp.MustCompile(`(?:^|/)pods/[^/]+/([^/]+)/[^/]+/logs/[^/]+$`)
	containerFile = regexp.MustCompile(`^[^/_]+_[^/_]+_([^/_]+)-[0-9a-f]{12,64}\.log`)
	// rotation is what rotating and packing put behind the name of a log: of logrotate
	// .1, -20260101 and .gz, of kubelet .20260101-000000, of others a date in front of .log.
	rotation = regexp.MustCompile(`(?:[.-](?:[0-9]{1,4}|[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-_T.]?[0-9:.-]*Z?)?|gz|bz2|xz|zst|old|prev|previous|tmp))+$`)
)

// extensions are those of logs; a file without any is one too.
var extensions = []string{"", ".log", ".txt", ".out", ".err", ".json", ".jsonl", ".export", ".INFO", ".WARNING", ".ERROR", ".FATAL"}

// Candidate reports whether a file of a folder is a log, by its name: name.log, name.txt
// and the like, one without an extension, and all of them rotated (name.log.1,
// 0.log.20260101-000000) and compressed (.gz, .bz2; .xz and .zst too, which cannot be read
// and are told of when they are). Files that hold no text under names without an
// extension, as wtmp, are none, nor is one whose name begins with a dot.
func Candidate(name string) bool {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	if strings.HasPrefix(base, ".") || slices.Contains([]string{"wtmp", "btmp", "lastlog", "faillog", "tallylog"}, rotation.ReplaceAllString(base, "")) {
		return false
	}
	return slices.Contains(extensions, path.Ext(rotation.ReplaceAllString(base, "")))
}

// Order returns the names of log files so that those of one container or program stand
// together, in the order of their names, and of them the oldest first: dates before
// numbers, both as they count, and last the one that is written. names is not changed.
func Order(names []string) []string {
	out := slices.Clone(names)
	slices.SortStableFunc(out, func(a, b string) int {
		x, y := ageOf(a), ageOf(b)
		return cmp.Or(
			strings.Compare(x.log, y.log),
			cmp.Compare(x.restart, y.restart),
			strings.Compare(x.date, y.date),
			cmp.Compare(y.turn, x.turn),
			strings.Compare(a, b))
	})
	return out
}

// age is how old a log is, by its name.
type age struct {
	// log is what all logs of the series have in common.
	log string
	// restart is how often the container had been started again.
	restart int
	// date is that of the rotation, and behind all dates where there is none.
	date string
	// turn is how often it was rotated.
	turn int
}

var (
	restarted = regexp.MustCompile(`(^|/)([0-9]{1,9})(\.log[^/]*)$`)
	dateOf    = regexp.MustCompile(`[0-9]{4}-?[0-9]{2}-?[0-9]{2}[-_T.0-9:Z]*`)
	turnOf    = regexp.MustCompile(`\.([0-9]{1,9})(?:\.(?:gz|bz2|xz|zst))?$`)
)

func ageOf(name string) age {
	a := age{log: strings.ReplaceAll(name, `\`, "/"), date: "~"}
	folder, base := path.Split(a.log)
	if m := restarted.FindStringSubmatch(base); m != nil {
		a.restart, _ = number([]byte(m[2]))
		base = m[3]
	}
	stem := rotation.ReplaceAllString(base, "")
	behind := base[len(stem):]
	if date := dateOf.FindString(behind); date != "" {
		a.date = strings.Map(onlyDigits, date)
	} else if m := turnOf.FindStringSubmatch(behind); m != nil {
		a.turn, _ = number([]byte(m[1]))
	} else if strings.Trim(strings.NewReplacer("gz", "", "bz2", "", "xz", "", "zst", "").Replace(behind), ".") != "" {
		a.turn = 1 // .old, .prev
	}
	a.log = folder + stem
	return a
}

func onlyDigits(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}
