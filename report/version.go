package report

import (
	"cmp"
	"runtime/debug"
)

// Version returns the version of the program, as the Go toolchain takes it from
// the version control system: that of its module, as in "v1.2.0"; "(devel)" for a
// build outside of version control; "unknown" where the build says nothing.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return cmp.Or(info.Main.Version, "unknown")
}
