package logs

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shapes are the lines of testdata/quiet.txt, with the programs that write such.
func shapes(t *testing.T) (programs, texts []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "quiet.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		program, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			t.Fatalf("no program is named: %s", line)
		}
		programs, texts = append(programs, program), append(texts, text)
	}
	return programs, texts
}

// Lines of healthy components, and of other programs, are no events, name no files, and do
// not look as if they were about TLS.
func TestQuiet(t *testing.T) {
	_, texts := shapes(t)
	for _, text := range texts {
		tellsNothing(t, text)
	}
}

// variable is what differs from line to line of one shape: numbers, addresses, times and
// identifiers, and words.
var variable = regexp.MustCompile(`\b[0-9a-f]*[0-9][0-9a-f]*\b|\b[A-Za-z]{3,}\b`)

// shape is a line in parts: those at odd places differ from line to line.
type shape struct {
	program string
	parts   []string
}

// vary returns the shapes of quiet.txt in parts, and the words in them. A word of a path, or
// of which failures are made, is neither: it stays where it is.
func vary(t *testing.T) (all []shape, words []string) {
	t.Helper()
	telling := map[string]bool{}
	for _, f := range families {
		for _, text := range slices.Concat(f.gates, f.with, triggers, unreachable) {
			for word := range strings.FieldsSeq(text) {
				telling[word] = true
			}
		}
		for _, p := range f.phrases {
			for word := range strings.FieldsSeq(p.text) {
				telling[word] = true
			}
		}
	}
	programs, texts := shapes(t)
	for i, text := range texts {
		s, from := shape{program: programs[i]}, 0
		for _, at := range variable.FindAllStringIndex(text, -1) {
			part := text[at[0]:at[1]]
			if strings.Trim(part, "0123456789abcdef") != "" {
				if telling[part] || strings.ContainsAny(text[max(at[0]-1, 0):at[0]]+text[at[1]:min(at[1]+1, len(text))], "/-._") {
					continue
				}
				words = append(words, part)
			}
			s.parts = append(s.parts, text[from:at[0]], part)
			from = at[1]
		}
		all = append(all, shape{s.program, append(s.parts, text[from:])})
	}
	return all, words
}

// variant appends a line of the shape: its digits are others, and one word in eight is.
func (s shape) variant(line []byte, words []string, random *rand.Rand) []byte {
	line = fmt.Appendf(line, "Nov 26 01:54:07 node-1 %s[4711]: ", s.program)
	for i, part := range s.parts {
		switch {
		case i%2 == 0:
			line = append(line, part...)
		case strings.Trim(part, "0123456789abcdef") != "":
			if random.Intn(8) == 0 {
				part = words[random.Intn(len(words))]
			}
			line = append(line, part...)
		default:
			for _, b := range []byte(part) {
				if b <= '9' {
					b = '0' + byte(random.Intn(10))
				}
				line = append(line, b)
			}
		}
	}
	return line
}

// A million different lines of such programs are no events either.
func TestMillionQuietLines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const million = 1_000_000
	all, words := vary(t)
	random, seed := rand.New(rand.NewSource(1)), maphash.MakeSeed()
	r := NewReader(Options{Now: now, Raw: 1})
	s := r.Source("-")
	seen := make(map[uint64]struct{}, million)
	var block []byte
	for len(seen) < million {
		from := len(block)
		block = append(all[random.Intn(len(all))].variant(block, words, random), '\n')
		sum := maphash.Bytes(seed, block[from:])
		if _, known := seen[sum]; known {
			block = block[:from]
			continue
		}
		seen[sum] = struct{}{}
		if len(block) > blockSize || len(seen) == million {
			s.Write(block)
			block = block[:0]
		}
	}
	s.Close()
	d := r.Digest()
	if d.Sources[0].Lines != million {
		t.Fatalf("%d lines were read", d.Sources[0].Lines)
	}
	areNoEvents(t, d, nil)
}

// areNoEvents reports the events among some logs, but for the lines that are known to tell of one,
// and what others than components of Kubernetes and etcd are said to use.
func areNoEvents(t *testing.T, d Digest, known []string) {
	t.Helper()
	for _, g := range d.Groups {
		if !slices.Contains(known, g.Raw[0]) {
			t.Errorf("%s:%d: %s, %s: %s", g.At.Source, g.At.Number, g.Kind, g.Message, g.Raw[0])
		}
	}
	for _, u := range d.Uses {
		if strings.HasPrefix(u.At.Component, "kube") || u.At.Component == etcd {
			continue
		}
		t.Errorf("%s:%d: uses %s", u.At.Source, u.At.Number, u.Path)
	}
}

// The logs below the folder that CERTAUDIT_LOGS names, those of each program in a folder of
// its own, tell of no event, but for the lines in events.txt of the folder, which somebody
// read.
func TestQuietLogs(t *testing.T) {
	root := os.Getenv("CERTAUDIT_LOGS")
	if root == "" {
		t.Skip("CERTAUDIT_LOGS names no folder of logs")
	}
	known, err := os.ReadFile(filepath.Join(root, "events.txt"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	folders, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	seed, seen := maphash.MakeSeed(), map[uint64]struct{}{}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		r := NewReader(Options{Now: now, Raw: 1})
		before := len(seen)
		err := filepath.WalkDir(filepath.Join(root, folder.Name()), func(name string, f os.DirEntry, err error) error {
			if err != nil || f.IsDir() {
				return err
			}
			data, err := os.ReadFile(name)
			for line := range bytes.Lines(data) {
				seen[maphash.Bytes(seed, line)] = struct{}{}
			}
			r.Read(name, bytes.NewReader(data))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d := r.Digest()
		var lines, events, unknown int64
		for _, c := range d.Components {
			lines, events, unknown = lines+c.Lines, events+c.Events, unknown+c.Unknown
		}
		t.Logf("%s: %d lines, %d not seen before; %d tell of an event, %d look like TLS and are not understood", folder.Name(), lines, len(seen)-before, events, unknown)
		areNoEvents(t, d, strings.Split(string(known), "\n"))
	}
	t.Logf("%d different lines", len(seen))
}
