package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"certaudit/parsers"
)

// MaxResultBytes bounds a result that is read: one of a quarter of a million
// certificates.
const MaxResultBytes = 512 << 20

// maxResultRows bounds each list of a result that is read.
const maxResultRows = 1_000_000

// writtenBy says where results come from.
const writtenBy = "expected what certaudit audit -o json writes"

// ParseResult reads the JSON of a [Result], of at most [MaxResultBytes]. What it does not
// know it passes over, so that results of later versions can be read; the plan, requests,
// revocation lists and the consequences of findings are passed over as well. A document
// of another schema, one that ends in its middle and one that lacks a list are errors. It
// takes memory in proportion to what is read.
func ParseResult(r io.Reader) (Result, error) {
	bounded := &io.LimitedReader{R: r, N: MaxResultBytes + 1}
	out := Result{}
	err := out.read(json.NewDecoder(bounded))
	switch {
	case bounded.N <= 0:
		return Result{}, fmt.Errorf("is larger than %d MiB", MaxResultBytes>>20)
	case err != nil && bounded.N == MaxResultBytes+1:
		return Result{}, errors.New("is empty; " + writtenBy)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return Result{}, errors.New("ends in the middle of the result; write it again")
	case err != nil:
		return Result{}, fmt.Errorf("is no result: %w; %s", err, writtenBy)
	}
	return out, nil
}

func (r *Result) read(d *json.Decoder) error {
	seen, err := readObject(d, func(key string) (bool, error) { return r.readField(d, key) })
	if err != nil {
		return err
	}
	for _, key := range []string{"schema", "at", "nodes", "certificates", "connections", "findings", "outcomes"} {
		if !seen[key] {
			return fmt.Errorf("it has no %q", key)
		}
	}
	return nil
}

// readField reads the value of a key, or passes over that of one that is not known.
func (r *Result) readField(d *json.Decoder, key string) (known bool, err error) {
	switch key {
	case "schema":
		if err = d.Decode(&r.Schema); err == nil && r.Schema != Schema {
			err = fmt.Errorf("its schema is %q, expected %q", clip(r.Schema), Schema)
		}
	case "at":
		err = d.Decode(&r.At)
	case "policy":
		err = d.Decode(&r.Policy)
	case "summary":
		err = d.Decode(&r.Summary)
	case "shown":
		if err = d.Decode(&r.Shown); err == nil && r.Shown != nil && r.Shown.HiddenFindings+r.Shown.HiddenCertificates > 0 {
			err = errors.New("it lacks what --severity, --check or --component hid; write it without them")
		}
	case "nodes":
		r.Nodes, err = readRows(d, key, func(Node) string { return "" })
	case "certificates":
		r.Certificates, err = readRows(d, key, faultOfRow)
	case "connections":
		r.Connections, err = readRows(d, key, func(c Connection) string { return lacks("client", c.Client, "server", c.Server, "status", c.Status) })
	case "findings":
		err = r.readFindings(d)
	case "outcomes":
		r.Outcomes, err = readRows(d, key, func(o Outcome) string { return lacks("check", o.Check, "state", string(o.State)) })
	default:
		return false, passOver(d)
	}
	return true, err
}

func faultOfRow(c Certificate) string { return lacks("role", c.Role, "path", c.Path) }

// lacks says which of some fields, each followed by its value, is empty; "" for none.
func lacks(fields ...string) string {
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] == "" {
			return fmt.Sprintf("has no %q", fields[i])
		}
	}
	return ""
}

// foundRow is a finding whose consequences are passed over.
type foundRow struct {
	Finding
	Causes passed `json:"causes"`
}

// passed is a value that nothing is kept of.
type passed struct{}

// UnmarshalJSON keeps nothing.
func (*passed) UnmarshalJSON([]byte) error { return nil }

func (r *Result) readFindings(d *json.Decoder) error {
	rows, err := readRows(d, "findings", func(f foundRow) string {
		if f.Severity.Rank() == 0 {
			return fmt.Sprintf("has the severity %q, which is unknown", clip(string(f.Severity)))
		}
		return lacks("check", f.Check)
	})
	r.Findings = make([]Finding, len(rows))
	for i := range rows {
		r.Findings[i] = rows[i].Finding
	}
	return err
}

// readRows reads a list, and ends with the first of its members that is none.
func readRows[T any](d *json.Decoder, key string, fault func(T) string) ([]T, error) {
	if err := expect(d, json.Delim('[')); err != nil {
		return nil, err
	}
	out := []T{}
	for d.More() {
		var row T
		if err := d.Decode(&row); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", key, len(out), parsers.JSONError(err))
		}
		if why := fault(row); why != "" {
			return nil, fmt.Errorf("%s[%d] %s", key, len(out), why)
		}
		if len(out) >= maxResultRows {
			return nil, fmt.Errorf("it has more than %d %s", maxResultRows, key)
		}
		out = append(out, row)
	}
	return out, expect(d, json.Delim(']'))
}

// maxNesting bounds what is passed over, as encoding/json bounds what it decodes.
const maxNesting = 10_000

// passOver reads a value of which nothing is kept, token by token.
func passOver(d *json.Decoder) error {
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		switch {
		case depth == 0:
			return nil
		case depth > maxNesting:
			return fmt.Errorf("it is nested more than %d deep", maxNesting)
		}
	}
}
