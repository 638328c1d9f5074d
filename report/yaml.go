package report

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"certaudit/audit"
)

// writeYAML writes the document of the JSON as YAML: the same keys in the same
// order, the same values.
func writeYAML(w io.Writer, r audit.Result, _ Options) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	document, err := yamlNode(d)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(document); err != nil {
		return err
	}
	_, err = w.Write(escapeYAML(b.Bytes()))
	return err
}

// yamlNode reads the next JSON value. Its recursion ends where the nesting of
// [audit.Result] does.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		return yamlCollection(d, v)
	case string:
		return yamlString(v), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	}
	n := &yaml.Node{}
	return n, n.Encode(token) // true, false, null
}

// yamlCollection reads the members behind open, and the delimiter that closes
// them.
func yamlCollection(d *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if open == '{' {
		n = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	}
	for d.More() {
		member, err := yamlNode(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, member)
	}
	_, err := d.Token()
	return n, err
}

// yamlString leaves it to the encoder which text needs quotes and which of
// several lines becomes a block, but for what it gets wrong.
func yamlString(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if quoted(s) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// quoted reports whether s must stand in double quotes: unprintable characters,
// which have an escape there alone; blank lines or blanks at its ends, which a
// block loses; and words that other readers give a type.
func quoted(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && unprintable(r) }) ||
		strings.Contains(s, "\n") && strings.TrimSpace(s) != s ||
		typed.MatchString(s)
}

// typed matches the booleans, the sexagesimal numbers and the special words of
// YAML 1.1, and numbers too great for a float, which some take for infinity: a
// serial number of hexadecimal digits may look so.
var typed = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|<<|=|[-+]?[0-9][0-9_.]*e[-+]?[0-9]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)

// escapeYAML escapes the format characters that the encoder leaves in double
// quotes, the only place where they can stand.
func escapeYAML(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r != '\n' && unprintable(r) {
			out = append(out, escape(r, string(data[:size]))...)
		} else {
			out = append(out, data[:size]...)
		}
		data = data[size:]
	}
	return out
}
