package parsers_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"certaudit/parsers"

	"github.com/google/go-cmp/cmp"
)

// read returns a line for every object and every problem of a stream.
func read(text string) []string {
	var out []string
	err := parsers.ReadObjects("-", strings.NewReader(text), func(o parsers.Objects) {
		for _, d := range o.Documents {
			for _, e := range d.Elements() {
				out = append(out, fmt.Sprintf("%d %s %s", e.Line(), e.Kind(), e.First("metadata.name").Value))
			}
		}
		for _, p := range o.Problems {
			out = append(out, fmt.Sprintf("%d %s: %s", p.Origin.Line, p.Kind, p.Detail))
		}
	})
	if err != nil {
		out = append(out, err.Error())
	}
	return out
}

// padded is a JSON object of some bytes.
func padded(bytes int) string {
	const before, after = `{"kind":"A","pad":"`, `"}`
	return before + strings.Repeat("x", bytes-len(before)-len(after)) + after
}

func TestReadObjects(t *testing.T) {
	long := strings.Repeat("x", 5<<20)
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"0 empty: is empty"}},
		{"blank", " \n\t\n", []string{"0 empty: is empty"}},
		{"JSON object", `{"kind":"Secret","metadata":{"name":"a"}}`, []string{"1 Secret a"}},
		{"JSON objects", "{\"kind\":\"A\"}\n{\"kind\":\"B\"} {\"kind\":\"C\"}\n", []string{"1 A ", "2 B ", "2 C "}},
		{"JSON objects with markers", "{\"kind\":\"A\"}\n---\n{\"kind\":\"B\"}\n", []string{"1 A ", "3 B "}},
		{"JSON list", "{\n \"apiVersion\": \"v1\",\n \"items\": [\n  {\n   \"kind\": \"Secret\",\n   \"metadata\": {\"name\": \"a\"}\n  },\n  {\"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"b]},\\\"{\"}}\n ],\n \"kind\": \"List\", \"metadata\": {\"items\": [1, {}]}\n}\n",
			[]string{"4 Secret a", `8 ConfigMap b]},"{`}},
		{"JSON array", `[{"kind":"A"}, {"kind":"B"}]`, []string{"1 A ", "1 B "}},
		{"empty JSON list", `{"items": [], "kind": "List"}`, nil},
		{"two JSON lists", `{"items":[{"kind":"A"}],"kind":"List"}{"items":[{"kind":"B"}]}`, []string{"1 A ", "1 B "}},
		{"another list in an object", `{"kind":"A","list":[{"kind":"X"},{"kind":"Y"}],"metadata":{"name":"a"}}`, []string{"1 A a"}},
		{"object as large as can be", padded(4<<20) + "\n{\"kind\":\"B\"}", []string{"1 A ", "2 B "}},
		{"object of one byte more", padded(4<<20+1) + "\n{\"kind\":\"B\"}", []string{"1 limit: an object of more than 4 MiB; it was not read", "2 B "}},
		{"items that are no list", `{"kind":"A","items":{"items":[1]}}`, []string{"1 A "}},
		{"list in a list", `{"items":[{"kind":"SecretList","items":[{"kind":"A"},{"kind":"B"}]}]}`, []string{"1 A ", "1 B "}},
		{"one bad element", "{\"items\":[\n{\"kind\":\"A\"},\n{\"kind\" \"B\"},\n{\"kind\":\"C\n},\n{\"kind\":\"D\"}]}",
			[]string{"2 A ", "3 syntax: is neither YAML nor JSON: did not find expected ',' or '}'", "5 syntax: is neither YAML nor JSON: found unexpected end of stream", "6 D "}},
		{"cut off", "{\"items\":[\n{\"kind\":\"A\"},\n{\"kind\":\"B\",\n\"me", []string{"2 A ", "3 syntax: ends in the middle of an object: the input is cut off"}},
		{"cut off between", "{\"items\":[\n{\"kind\":\"A\"},\n", []string{"2 A ", "3 syntax: ends in the middle of an object: the input is cut off"}},
		{"one element too large", "[{\"kind\":\"A\"},\n{\"kind\":\"" + long + "\"},\n{\"kind\":\"C\"}]", []string{"1 A ", "2 limit: an object of more than 4 MiB; it was not read", "3 C "}},
		{"closed too often", "{\"kind\":\"A\"}}}\n{\"kind\":\"B\"}", []string{"1 A ", "1 syntax: is neither YAML nor JSON: did not find expected node content", "2 B "}},
		{"YAML object", "kind: Secret\nmetadata:\n  name: a\n", []string{"1 Secret a"}},
		{"YAML objects", "\ufeff# first\n---\nkind: A\n--- # second\nkind: B\n...\n# end\n", []string{"3 A ", "5 B "}},
		{"carriage returns", "kind: A\r\n---\r\nkind: B\r\n", []string{"1 A ", "3 B "}},
		{"YAML list", "apiVersion: v1\nitems:\n- kind: A\n  data:\n  - x\n- kind: B\n  text: |\n    - no\n    items:\n# aside\nkind: List\nmetadata:\n  resourceVersion: \"\"\n",
			[]string{"3 A ", "6 B "}},
		{"indented YAML list", "kind: List\nitems:\n  - kind: A\n  -\n    kind: B\n---\nkind: C\n", []string{"3 A ", "5 B ", "7 C "}},
		{"flow YAML list", "kind: List\nitems: [{kind: A}, {kind: B}]\n", []string{"2 A ", "2 B "}},
		{"one bad element of YAML", "items:\n- kind: A\n- kind: [\n- kind: C\n", []string{"2 A ", "3 syntax: is neither YAML nor JSON: did not find expected node content", "4 C "}},
		{"one YAML element too large", "items:\n- kind: A\n- kind: " + long + "\n- kind: C\n", []string{"2 A ", "3 limit: an object of more than 4 MiB; it was not read", "4 C "}},
		{"anchors that explode", "kind: A\n---\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n---\nkind: B\n",
			[]string{"1 A ", "8 limit: has more than 500000 fields when its aliases are followed", "10 B "}},
		{"binary", "\x00\x01\x02\n\x03", []string{"1 syntax: is not text: it holds NUL bytes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(tt.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A thousand documents are a thousand objects, the faulty ones among them.
func TestReadObjectsMany(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "---\nkind: A\nmetadata: {name: n%d%s}\n", i, strings.Repeat("]", i%10/9))
	}
	documents, problems := 0, 0
	for _, line := range read(text.String()) {
		if strings.Contains(line, "syntax") {
			problems++
		} else {
			documents++
		}
	}
	if documents != 900 || problems != 100 {
		t.Errorf("%d documents and %d problems, want 900 and 100", documents, problems)
	}
}

func TestReadObjectsReaderError(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, text := range []string{"", "{", "kind: A\n"} {
		err := parsers.ReadObjects("-", io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), func(parsers.Objects) {})
		if !errors.Is(err, broken) {
			t.Errorf("%q: error %v, want %v", text, err, broken)
		}
	}
}

// What is read does not depend on how the bytes arrive, and every document has a
// line of the stream.
func FuzzReadObjects(f *testing.F) {
	f.Add(`{"items":[{"kind":"A"},{"kind":"B"}],"kind":"List"}`)
	f.Add("items:\n- kind: A\n- kind: [\n---\nkind: C\n")
	f.Add("[{\"a\":\"\\\"\n]},{}]}")
	f.Fuzz(func(t *testing.T, text string) {
		want := read(text)
		var got []string
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 1
		err := parsers.ReadObjects("-", iotest.OneByteReader(strings.NewReader(text)), func(o parsers.Objects) {
			for _, d := range o.Documents {
				for _, e := range d.Elements() {
					got = append(got, fmt.Sprintf("%d %s %s", e.Line(), e.Kind(), e.First("metadata.name").Value))
					if e.Line() < 1 || e.Line() > lines {
						t.Errorf("line %d of %d", e.Line(), lines)
					}
				}
			}
			for _, p := range o.Problems {
				got = append(got, fmt.Sprintf("%d %s: %s", p.Origin.Line, p.Kind, p.Detail))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-at once +byte by byte):\n%s", diff)
		}
	})
}
