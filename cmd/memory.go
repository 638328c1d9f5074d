package cmd

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"certaudit/audit/inventory"
)

// The memory of a run is proportional to what it judges, in bytes: so much for itself, and
// so much more for each node, and for each single file with certificates. What is audited
// holds two thirds of its share; the rest is garbage until it is collected.
const (
	memoryOfRun  = 76 << 20
	memoryOfNode = 178 << 10
	memoryOfFile = 7 << 10
	// leastMemory is what any run may take before garbage is collected: the audit of a node
	// allocates less than a collection would give back, and a third of its time would go
	// into it.
	leastMemory = 224 << 20
	// maxMemory is what a run tries to stay below that takes more than its share, unless
	// GOMEMLIMIT says otherwise.
	maxMemory = 960 << 20
)

// lateCollection puts the garbage collection of a command that ends soon off, until the command
// has taken the share of memory that is its own.
type lateCollection struct {
	mu sync.Mutex
	// percent and limit are what garbage was collected by before; percent is 0 where nothing
	// is put off.
	percent int
	limit   int64
	// share is what the command may take, in bytes.
	share int64
}

// garbage is that of the process.
var garbage lateCollection

// putOff puts collections off from now on. A second call changes nothing.
func (c *lateCollection) putOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.share > 0 {
		return
	}
	c.share = leastMemory
	percent := debug.SetGCPercent(-1)
	if percent < 0 {
		return // GOGC=off
	}
	c.percent, c.limit = percent, debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(c.limit, c.share))
	c.whenCollected()
}

// allow gives a command its share for what was read, and for what is to be expected as far
// as that fits into maxMemory.
func (c *lateCollection) allow(read inventory.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	share := max(leastMemory, shareOf(read), min(maxMemory, shareOf(read.Expected())))
	if step := share / 16; c.percent == 0 || c.share-step < share && share < c.share+step {
		return // setting a limit stops everything for a moment
	}
	c.share = share
	debug.SetMemoryLimit(min(c.limit, share))
}

// shareOf is what so many nodes and files may take, in bytes.
func shareOf(read inventory.Progress) int64 {
	return memoryOfRun + memoryOfNode*int64(read.Nodes) + memoryOfFile*int64(read.Held)
}

// whenCollected looks after each collection whether the share is enough.
func (c *lateCollection) whenCollected() {
	runtime.AddCleanup(new([64]byte), func(c *lateCollection) {
		c.mu.Lock()
		enough := c.percent == 0 || live() < min(c.limit, c.share)/4*3
		c.mu.Unlock()
		if enough {
			c.whenCollected()
		} else {
			c.begin()
		}
	}, c)
}

// live is the memory that was in use when garbage was collected last, in bytes.
func live() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(min(sample[0].Value.Uint64(), math.MaxInt64))
}

// begin collects garbage as it comes from now on, more often than usual, so that much of
// anything fits into memory.
func (c *lateCollection) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.percent == 0 {
		return
	}
	debug.SetMemoryLimit(min(c.limit, max(c.share, maxMemory)))
	debug.SetGCPercent(c.percent * 2 / 3)
	c.percent = 0
}
