package report

import (
	"cmp"
	"runtime/debug"
)

// What a build outside of version control says of itself, set with -ldflags -X.
var version, revision, date string

// Version returns the version of the program: what its build was told, or what the Go
// toolchain takes from the version control system, as in "v1.2.0"; "(devel)" for a build
// that knows neither; "unknown" where the build says nothing.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(version, "unknown")
	}
	return cmp.Or(version, info.Main.Version, "unknown")
}

// Revision returns the commit that the program was built from, "-dirty" behind it where
// files had changed since; "" where the build does not know.
func Revision() string {
	if revision != "" {
		return revision
	}
	info, _ := debug.ReadBuildInfo()
	commit, changed := "", ""
	for _, s := range settings(info) {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "-dirty"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}

// Date returns when the commit was made that the program was built from, RFC 3339 in UTC;
// "" where the build does not know.
func Date() string {
	if date != "" {
		return date
	}
	info, _ := debug.ReadBuildInfo()
	for _, s := range settings(info) {
		if s.Key == "vcs.time" {
			return s.Value
		}
	}
	return ""
}

func settings(info *debug.BuildInfo) []debug.BuildSetting {
	if info == nil {
		return nil
	}
	return info.Settings
}
