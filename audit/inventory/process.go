package inventory

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Process is a running component.
type Process struct {
	Component string `json:"component"`
	PID       int    `json:"pid"`
	// Started is in UTC, to the hundredth of a second.
	Started time.Time `json:"started"`
}

// ticksPerSecond is USER_HZ, which is 100 on every architecture that Kubernetes
// runs on (proc(5)).
const ticksPerSecond = 100

// maxCommand is how much of a program's name the kernel keeps (proc(5), comm).
const maxCommand = 15

// bootIDFile differs from boot to boot, and so from machine to machine (random(4)).
const bootIDFile = "proc/sys/kernel/random/boot_id"

// bootID matches what stands in it: a UUID.
var bootID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// processes finds the running components, if the root has a proc file system.
func (g *gatherer) processes() {
	g.inv.BootID = g.root.bootID()
	_, stat := g.root.read("/proc/stat")
	boot := bootTime(string(stat))
	if boot.IsZero() {
		return
	}
	names, err := g.root.list("/proc")
	if err != nil {
		return
	}
	network, _ := g.root.procLink("proc/1/ns/net")
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		component := componentOf(g.root.small(filepath.Join("proc", name, "comm")))
		if component == "" {
			continue
		}
		if own, err := g.root.procLink(filepath.Join("proc", name, "ns/net")); err == nil && network != "" && own != network {
			continue // of a node in a container, or of another cluster (network_namespaces(7))
		}
		if started, ok := startTime(g.root.small(filepath.Join("proc", name, "stat")), boot); ok {
			g.inv.Processes = append(g.inv.Processes, Process{component, pid, started})
		}
	}
}

// bootID returns that of the kernel whose proc file system lies in the root, or "".
func (r *root) bootID() string {
	if id := strings.TrimSpace(r.small(bootIDFile)); bootID.MatchString(id) {
		return id
	}
	return ""
}

// RunsHere reports whether the kernel whose proc file system lies in a node's tree is
// this machine's: the root of the host, seen from a container. It reads this
// machine's own proc file system.
func (inv *Inventory) RunsHere() bool {
	if inv.BootID == "" {
		return false
	}
	own, err := openRoot("/")
	if err != nil {
		return false
	}
	defer own.close()
	return own.bootID() == inv.BootID
}

// componentOf returns the component of a name as the kernel keeps it, or "".
func componentOf(comm string) string {
	comm = strings.TrimSpace(comm)
	for _, p := range programs {
		if comm == p.Name[:min(len(p.Name), maxCommand)] {
			return p.Name
		}
	}
	return ""
}

// bootTime reads the line btime of /proc/stat.
func bootTime(stat string) time.Time {
	for line := range strings.Lines(stat) {
		if seconds, ok := strings.CutPrefix(line, "btime "); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64); err == nil {
				return time.Unix(n, 0).UTC()
			}
		}
	}
	return time.Time{}
}

// startTime reads the field starttime of /proc/PID/stat, the 22nd. The second,
// the program's name in parentheses, may hold anything.
func startTime(stat string, boot time.Time) (time.Time, bool) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const index = 22 - 3
	if len(fields) <= index {
		return time.Time{}, false
	}
	ticks, err := strconv.ParseInt(fields[index], 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	return boot.Add(time.Duration(ticks) * (time.Second / ticksPerSecond)), true
}
