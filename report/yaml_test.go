package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"certaudit/audit"
)

// validYAML: the document has the tokens of the JSON in their order, and every
// value has the type it has there.
func validYAML(t *testing.T, r audit.Result, out string) {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(out), &document); err != nil {
		t.Fatal(err)
	}
	want := jsonTokens(t, render(t, "json", r, Options{}))
	if diff := cmp.Diff(want, yamlTokens(document.Content[0])); diff != "" {
		t.Errorf("tokens (-json +yaml):\n%s", diff)
	}
}

func jsonTokens(t *testing.T, text string) []string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var tokens []string
	for {
		switch token, err := d.Token(); v := token.(type) {
		case string:
			tokens = append(tokens, fmt.Sprintf("!!str %q", v))
		case bool:
			tokens = append(tokens, fmt.Sprint("!!bool ", v))
		case json.Number:
			tokens = append(tokens, "!!int "+v.String())
		default:
			if err == io.EOF {
				return tokens
			}
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, fmt.Sprint(v))
		}
	}
}

func yamlTokens(n *yaml.Node) []string {
	var tokens []string
	for _, member := range n.Content {
		tokens = append(tokens, yamlTokens(member)...)
	}
	switch {
	case n.Kind == yaml.MappingNode:
		return append(append([]string{"{"}, tokens...), "}")
	case n.Kind == yaml.SequenceNode:
		return append(append([]string{"["}, tokens...), "]")
	case n.ShortTag() == "!!str":
		return []string{fmt.Sprintf("!!str %q", n.Value)}
	}
	return []string{n.ShortTag() + " " + n.Value}
}

// YAML 1.1, which many readers still speak, takes these words for something
// else than text when they have no quotes.
func TestYAMLQuotes(t *testing.T) {
	for _, s := range []string{"", "~", "null", "yes", "No", "on", "OFF", "true", "y", "1", "1e3", "5e1234567", "0x1f", "0o7", "017", "1_000", "12:30:45", "<<", "=", ".inf", "2026-11-23", "2026-11-23T06:14:06Z"} {
		r := nothing()
		r.Schema = s
		first, _, _ := strings.Cut(render(t, "yaml", r, Options{}), "\n")
		if want := fmt.Sprintf("schema: %q", s); first != want {
			t.Errorf("got %s, want %s", first, want)
		}
	}
}

// A program decodes the YAML into the same Go value as the JSON.
func TestYAMLDecodesLikeJSON(t *testing.T) {
	for _, r := range []audit.Result{fine(), awkward(), nothing()} {
		var got, want any
		if err := yaml.Unmarshal([]byte(render(t, "yaml", r, Options{})), &got); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(render(t, "json", r, Options{})), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-json +yaml):\n%s", diff)
		}
	}
}
