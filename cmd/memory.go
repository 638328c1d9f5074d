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
	runtime.AddCleanup(new([64]byte), func(limit int64) {
		debug.SetMemoryLimit(min(limit, maxMemory))
		debug.SetGCPercent(percent * 2 / 3)
	}, limit)
})

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
