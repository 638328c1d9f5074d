package cmd

import (
	"runtime"
	"runtime/debug"
	"sync"

	"certaudit/audit"
)

// firstCollection is the memory at which a run that was thought to be short
// begins to collect garbage after all. A thousand nodes take more.
const firstCollection = 224 << 20

// maxMemory is what a run tries to stay below, unless GOMEMLIMIT says otherwise, by
// collecting more often: five thousand nodes fit into it.
const maxMemory = 960 << 20

// collectLate puts off the first garbage collection of a command that ends soon:
// the audit of a node allocates less than the memory that a collection would
// give back, and a third of its time would go into it. From the first collection
// on garbage is collected more often than usual, so that a thousand nodes fit into 300 MiB.
// It is for once in a process.
var collectLate = sync.OnceFunc(func() {
	percent := debug.SetGCPercent(-1)
	if percent < 0 {
		return // GOGC=off
	}
	limit := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, firstCollection))
	begin := sync.OnceFunc(func() {
		debug.SetMemoryLimit(min(limit, maxMemory))
		debug.SetGCPercent(percent * 2 / 3)
	})
	runtime.AddCleanup(new([64]byte), func(begin func()) { begin() }, begin)
	collectOf = func(files int) {
		if files == manyFiles {
			begin()
		}
	}
})

// manyFiles are more than a fleet of which the first collection is worth to be put off: single
// files take less memory each, and the garbage of reading them would be most of it.
const manyFiles = 2000

// collectOf is to be called with the number of files that were read so far; collectLate has
// it begin to collect garbage once there are many.
var collectOf = func(int) {}

// manyRows are so many certificates of a result that what they were found in takes much
// memory.
const manyRows = 2000

// forgetAudited collects what a result was made of, once nothing else needs it: a report of
// many nodes takes as much memory again.
func forgetAudited(r audit.Result) {
	if len(r.Certificates) >= manyRows {
		runtime.GC()
	}
}
