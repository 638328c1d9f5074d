package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"certaudit/parsers"
)

// Bounds of a policy, beyond those of [parsers.ParseDocuments]. The YAML decoder
// compares the keys of a mapping with each other.
const (
	// MaxPolicyBytes is how large a policy may be: one of 4000 waivers.
	MaxPolicyBytes = 1 << 20
	// maxPolicyNodes bounds its keys and values, with every alias replaced by what
	// it stands for.
	maxPolicyNodes = 50_000
	// maxPolicyKeys bounds the keys of one mapping: there are fewer checks and roles.
	maxPolicyKeys = 1000
	// maxFaults is how many mistakes are told at once.
	maxFaults = 20
)

// decodeStrict reads the one YAML document of a file into v, and returns its root
// for who asks for lines; nil for an empty file. An unknown key and a key that is
// given twice are errors, as is what is too large to be looked into.
func decodeStrict(name string, data []byte, v any) (*yaml.Node, error) {
	if len(data) > MaxPolicyBytes {
		return nil, fmt.Errorf("%s: is larger than %d KiB", shownName(name), MaxPolicyBytes>>10)
	}
	docs, problems := parsers.ParseDocuments(name, data)
	for _, p := range problems {
		if p.Kind != parsers.KindEmpty {
			return nil, problemError(p)
		}
	}
	if len(docs) > 1 {
		return nil, fmt.Errorf("%s:%d: a second document begins; expected one", shownName(name), docs[1].Line())
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, decodeError(name, err)
	}
	if err := crowded(name, &root); err != nil {
		return nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return nil, decodeError(name, err)
	}
	return &root, nil
}

// problemError is a problem of a file as an error: "file:3: detail".
func problemError(p parsers.Problem) error {
	at := shownName(p.Origin.Path)
	if p.Origin.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, p.Origin.Line)
	}
	field := ""
	if p.Origin.Field != "" {
		field = p.Origin.Field + " "
	}
	return fmt.Errorf("%s: %s%s", at, field, p.Detail)
}

// crowded returns an error for a document with too many nodes, or a mapping of
// too many keys. Its depth and its aliases were bounded before.
func crowded(name string, root *yaml.Node) error {
	nodes := 0
	var walk func(n *yaml.Node) error
	walk = func(n *yaml.Node) error {
		nodes++
		switch {
		case nodes > maxPolicyNodes:
			return fmt.Errorf("%s:%d: has more than %d keys and values", shownName(name), n.Line, maxPolicyNodes)
		case n.Kind == yaml.MappingNode && len(n.Content) > 2*maxPolicyKeys:
			return fmt.Errorf("%s:%d: a mapping has more than %d keys", shownName(name), n.Line, maxPolicyKeys)
		case n.Kind == yaml.AliasNode:
			return walk(n.Alias)
		}
		for _, c := range n.Content {
			if err := walk(c); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(root)
}

// shownName is the name of a file in front of a line number: as it is, or quoted
// where that could be misread.
func shownName(name string) string {
	if quoted := strconv.Quote(name); len(quoted) != len(name)+2 || strings.ContainsAny(name, " :") {
		return quoted
	}
	return name
}

var (
	unknownField = regexp.MustCompile(`field (.*) not found in type (?:audit|inventory)\.(\w+)$`)
	wrongType    = regexp.MustCompile("cannot unmarshal !!\\w+(?: `(.*)`)? into (.*)$")
)

// decodeError words an error of the YAML decoder for the author of a file.
func decodeError(name string, err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	var all *yaml.TypeError
	if errors.As(err, &all) {
		message = typeErrors(all.Errors)
	}
	return fmt.Errorf("%s: %s", shownName(name), message)
}

func typeErrors(errs []string) string {
	first, more := bounded(errs, maxFaults)
	var out []string
	for _, text := range first {
		line, detail, _ := strings.Cut(text, ": ")
		if m := unknownField.FindStringSubmatch(detail); m != nil {
			detail = fmt.Sprintf("%s; known are %s", parsers.Unknown("key", m[1], policyKeys[m[2]]), strings.Join(policyKeys[m[2]], ", "))
		} else if m := wrongType.FindStringSubmatch(detail); m != nil {
			detail = "expected " + typeWords(m[2])
			if m[1] != "" {
				detail = fmt.Sprintf("%q is %s", m[1], strings.Replace(typeWords(m[2]), "a ", "no ", 1))
			}
		}
		out = append(out, line+": "+detail)
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, "; ")
}

// typeWords are what an author calls a type of Go.
func typeWords(goType string) string {
	switch {
	case goType == "int":
		return "a whole number"
	case goType == "float64":
		return "a number"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "audit.") && goType != "audit.Fact" && goType != "audit.Severity", strings.HasPrefix(goType, "map["):
		return "a mapping"
	}
	return "a text"
}
