package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"certaudit/parsers"
)

// BaselineSchema names the form of a [Baseline] in JSON.
const BaselineSchema = "certaudit-baseline/v1"

// Baseline is the findings that were there when a gate was set up: what is on it
// no longer fails the gate.
type Baseline struct {
	Schema   string            `json:"schema"`
	Findings []BaselineFinding `json:"findings"`
}

// BaselineFinding is one finding of a [Baseline]. Only Fingerprint and Severity
// count; the rest is for those who read the file.
type BaselineFinding struct {
	// Fingerprint is [Finding.Fingerprint]; findings that share one stand there
	// as often as they were found.
	Fingerprint string   `json:"fingerprint"`
	Severity    Severity `json:"severity"`
	Check       string   `json:"check"`
	Node        string   `json:"node"`
	Path        string   `json:"path"`
	Field       string   `json:"field,omitempty"`
}

// NewBaseline returns the baseline of a result, with all its findings but those
// about the policy, in their order.
func NewBaseline(r Result) Baseline {
	b := Baseline{Schema: BaselineSchema, Findings: []BaselineFinding{}}
	for _, f := range r.Findings {
		if f.Check != checkWaiverEnded && f.Check != checkWaiverUnused {
			b.Findings = append(b.Findings, BaselineFinding{f.Fingerprint(), f.Severity, f.Check, f.Node, f.Path, f.Field})
		}
	}
	return b
}

// maxBaseline bounds the findings of a baseline.
const maxBaseline = 1_000_000

// ParseBaseline reads what [NewBaseline] gave as JSON. Anything else in it, a key
// given twice and anything behind it are errors. It takes memory in proportion to
// the findings, of which the first that is none ends it.
func ParseBaseline(data []byte) (*Baseline, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	b := &Baseline{}
	if err := b.read(d); err != nil {
		return nil, fmt.Errorf("is no baseline: %w", err)
	}
	if b.Schema != BaselineSchema {
		return nil, fmt.Errorf("is no baseline: its schema is %q, expected %q; write one with --write-baseline", b.Schema, BaselineSchema)
	}
	return b, nil
}

func (b *Baseline) read(d *json.Decoder) error {
	_, err := readObject(d, func(key string) (known bool, err error) {
		switch key {
		case "schema":
			return true, d.Decode(&b.Schema)
		case "findings":
			return true, b.readFindings(d)
		}
		return false, fmt.Errorf("unknown key %q; known are schema, findings", key)
	})
	return err
}

// readObject reads the only value of a stream, an object, by a function that reads the
// value of a key and says whether it knows that. It returns those that are known. One of
// them that is given twice is an error.
func readObject(d *json.Decoder, value func(key string) (known bool, err error)) (seen map[string]bool, err error) {
	if err := expect(d, json.Delim('{')); err != nil {
		return nil, err
	}
	seen = map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string) // a key is a string
		if seen[key] {
			return nil, fmt.Errorf("the key %q is given twice", key)
		}
		known, err := value(key)
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) && wrong.Field == "" {
			wrong.Field = key
		}
		if err != nil {
			return nil, parsers.JSONError(err)
		}
		if known {
			seen[key] = true // of others nothing is kept, however many there are
		}
	}
	if err := expect(d, json.Delim('}')); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind it")
	}
	return seen, nil
}

func (b *Baseline) readFindings(d *json.Decoder) error {
	if err := expect(d, json.Delim('[')); err != nil {
		return err
	}
	for d.More() {
		var f BaselineFinding
		n := len(b.Findings)
		if err := d.Decode(&f); err != nil {
			return fmt.Errorf("findings[%d]: %w", n, parsers.JSONError(err))
		}
		switch {
		case f.Severity.Rank() == 0:
			return fmt.Errorf("findings[%d]: unknown severity %q", n, f.Severity)
		case f.Fingerprint == "":
			return fmt.Errorf("findings[%d] has no fingerprint", n)
		case n >= maxBaseline:
			return fmt.Errorf("has more than %d findings", maxBaseline)
		}
		b.Findings = append(b.Findings, f)
	}
	return expect(d, json.Delim(']'))
}

// expect reads one token.
func expect(d *json.Decoder, want json.Token) error {
	token, err := d.Token()
	switch {
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case token != want:
		return fmt.Errorf("found %q where %v should stand", fmt.Sprint(token), want)
	}
	return nil
}

// judge marks the findings of a result that are on the baseline. One that is
// worse than it was then is not.
func (b *Baseline) judge(r *Result) {
	if b == nil {
		return
	}
	left := map[string][]Severity{}
	for _, f := range b.Findings {
		left[f.Fingerprint] = append(left[f.Fingerprint], f.Severity)
	}
	for i, f := range r.Findings {
		id := f.Fingerprint()
		for j, severity := range left[id] {
			if severity.Rank() >= f.Severity.Rank() {
				r.Findings[i].Known = true
				left[id] = append(left[id][:j:j], left[id][j+1:]...)
				break
			}
		}
	}
}
