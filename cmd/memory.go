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

// lateCollection is the first garbage collection of a command that ends soon, put off: the
// audit of a node allocates less than the memory that a collection would give back, and a
// third of its time would go into it. Once it has begun, garbage is collected more often
// than usual, so that a thousand nodes fit into 300 MiB.
type lateCollection struct {
	putOffOnce, beginOnce sync.Once
	// percent and limit are what garbage was collected by before; percent is 0 where nothing
	// was put off.
	percent int
	limit   int64
}

// garbage is that of the process.
var garbage lateCollection

// putOff puts the first collection off to where there is much.
func (l *lateCollection) putOff() {
	l.putOffOnce.Do(func() {
		percent := debug.SetGCPercent(-1)
		if percent < 0 {
			return // GOGC=off
		}
		l.percent, l.limit = percent, debug.SetMemoryLimit(-1)
		debug.SetMemoryLimit(min(l.limit, firstCollection))
		runtime.AddCleanup(new([64]byte), (*lateCollection).begin, l)
	})
}

// begin collects garbage from now on.
func (l *lateCollection) begin() {
	if l.percent == 0 {
		return
	}
	l.beginOnce.Do(func() {
		debug.SetMemoryLimit(min(l.limit, maxMemory))
		debug.SetGCPercent(l.percent * 2 / 3)
	})
}

// manyFiles are more than a fleet of which the first collection is worth to be put off: single
// files take less memory each, and the garbage of reading them would be most of it.
const manyFiles = 2000

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
