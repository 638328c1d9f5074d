package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// ParseBaseline reads what [NewBaseline] gave as JSON.
func ParseBaseline(data []byte) (*Baseline, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var b Baseline
	if err := d.Decode(&b); err != nil {
		return nil, fmt.Errorf("is no baseline: %w", err)
	}
	if b.Schema != BaselineSchema {
		return nil, fmt.Errorf("is no baseline: its schema is %q, expected %q; write one with --write-baseline", b.Schema, BaselineSchema)
	}
	for i, f := range b.Findings {
		if f.Severity.Rank() == 0 {
			return nil, fmt.Errorf("findings[%d]: unknown severity %q", i, f.Severity)
		}
	}
	return &b, nil
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
