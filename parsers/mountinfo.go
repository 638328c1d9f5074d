package parsers

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// MountPoint is one line of /proc/PID/mountinfo: what of a file system a process sees
// where.
type MountPoint struct {
	// ID is the mount's, of which no two on a machine have the same.
	ID int
	// Device identifies the file system: "major:minor".
	Device string
	// Root is the path within the file system that is mounted, Path where the process
	// sees it. Both are clean.
	Root, Path string
	// Gone says that what is mounted was deleted since, or another file put in its place.
	Gone bool
}

// goneSuffix is what the kernel writes behind the root of a mount that was deleted
// (linux fs/proc_namespace.c show_mountinfo, fs/d_path.c).
const goneSuffix = "//deleted"

// ParseMountInfo reads the lines of /proc/PID/mountinfo in their order, in which a later
// mount hides an earlier one at the same place (proc_pid_mountinfo(5)). A line that is
// none is a problem.
func ParseMountInfo(name string, data []byte) ([]MountPoint, []Problem) {
	var mounts []MountPoint
	var problems []Problem
	line := 0
	for text := range strings.Lines(string(data)) {
		line++
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		m, ok := mountPoint(fields)
		switch {
		case ok && !path.IsAbs(m.Root):
			continue // a name space, as "net:[4026531840]"
		case !ok:
			problems = addProblem(problems, Problem{Origin: Origin{Path: name, Line: line}, Kind: KindSyntax,
				Detail: fmt.Sprintf("%q is no line of a table of mounts", Clip(strings.TrimSpace(text), maxShown))})
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts, problems
}

// mountPoint reads the fields of a line: ID, parent, device, root, mount point, options.
func mountPoint(fields []string) (MountPoint, bool) {
	if len(fields) < 6 || !strings.Contains(fields[2], ":") {
		return MountPoint{}, false
	}
	id, err := strconv.Atoi(fields[0])
	if err != nil {
		return MountPoint{}, false
	}
	root, gone := strings.CutSuffix(fields[3], goneSuffix)
	root, where := unescapeOctal(root), unescapeOctal(fields[4])
	if !path.IsAbs(where) {
		return MountPoint{}, false
	}
	return MountPoint{ID: id, Device: fields[2], Root: path.Clean(root), Path: path.Clean(where), Gone: gone}, true
}

// unescapeOctal replaces "\040" and the like, as which the kernel writes spaces, tabs,
// newlines and backslashes (proc(5)).
func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// CoveringMount returns the mount by which a path is seen, and what is left of the path
// below it: the one whose path is longest, of several the last. ok is false for none.
func CoveringMount(mounts []MountPoint, name string) (m MountPoint, rest string, ok bool) {
	name = path.Clean("/" + name)
	for _, candidate := range mounts {
		left, covers := below(name, candidate.Path)
		if covers && (!ok || len(candidate.Path) >= len(m.Path)) {
			m, rest, ok = candidate, left, true
		}
	}
	return m, rest, ok
}

// HostPath returns the path by which one process sees what another sees at a path,
// both by their tables of mounts. It is false where the first sees nothing of it: on a
// file system that is not in its table, beside the part that is, or below what another
// mount hides.
func HostPath(own, host []MountPoint, name string) (string, bool) {
	m, rest, ok := CoveringMount(own, name)
	if !ok || m.Gone {
		return "", false
	}
	inside := path.Join(m.Root, rest)
	var candidates []hostCandidate
	for _, h := range host {
		if left, holds := below(inside, h.Root); holds && h.Device == m.Device && !h.Gone {
			candidates = append(candidates, hostCandidate{h.ID, path.Join(h.Path, left)})
		}
	}
	slices.SortStableFunc(candidates, func(a, b hostCandidate) int { return cmp.Compare(len(a.path), len(b.path)) })
	for _, c := range candidates[:min(len(candidates), maxHostCandidates)] {
		if seen, _, _ := CoveringMount(host, c.path); seen.ID == c.mount {
			return c.path, true
		}
	}
	return "", false
}

// hostCandidate is where a mount would show something, unless another hides it.
type hostCandidate struct {
	mount int
	path  string
}

// maxHostCandidates bounds the places at which one file is looked for: a part of a file
// system is mounted at a handful.
const maxHostCandidates = 64
