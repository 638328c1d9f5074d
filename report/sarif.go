package report

import (
	"cmp"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"certaudit/audit"
)

// The objects of SARIF 2.1.0 in use.
//
// Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool               sarifTool                `json:"tool"`
		Invocations        []sarifInvocation        `json:"invocations"`
		OriginalURIBaseIDs map[string]sarifArtifact `json:"originalUriBaseIds"`
		Results            []sarifResult            `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string             `json:"id"`
		ShortDescription     sarifText          `json:"shortDescription"`
		FullDescription      sarifText          `json:"fullDescription"`
		Help                 sarifText          `json:"help"`
		HelpURI              string             `json:"helpUri,omitempty"`
		DefaultConfiguration sarifConfiguration `json:"defaultConfiguration"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	// sarifText is a message or a multiformatMessageString.
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications"`
	}
	sarifNotification struct {
		Level          string       `json:"level"`
		Message        sarifText    `json:"message"`
		AssociatedRule sarifRuleRef `json:"associatedRule"`
	}
	sarifRuleRef struct {
		ID string `json:"id"`
	}
	sarifArtifact struct {
		URI         string     `json:"uri,omitempty"`
		URIBaseID   string     `json:"uriBaseId,omitempty"`
		Description *sarifText `json:"description,omitempty"`
	}
	sarifResult struct {
		RuleID string `json:"ruleId"`
		// RuleIndex is nil for a check that is not among the rules.
		RuleIndex           *int              `json:"ruleIndex,omitempty"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		// Properties name the node where there are several.
		Properties *sarifProperties `json:"properties,omitempty"`
		// Suppressions are of findings that are waived or on the baseline.
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifProperties struct {
		Node string `json:"node"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPhysical  `json:"physicalLocation"`
		LogicalLocations []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

// sarifLevels have "warning", the default of SARIF, for what they lack.
var sarifLevels = map[audit.Severity]string{audit.Critical: "error", audit.Warning: "warning", audit.Info: "note"}

func sarifLevel(s audit.Severity) string { return cmp.Or(sarifLevels[s], "warning") }

// rootPath is the base of every path in the log. Its own URI is left out: the
// result does not know where the root of the node was when it was audited.
const rootPath = "ROOTPATH"

// The descriptions of that root.
const (
	rootOfOne  = "The root of the audited node's file system."
	rootOfMany = "The folder in which the root of each audited node's file system lies under the node's name."
)

// writeSARIF writes a log with one run.
func writeSARIF(w io.Writer, r audit.Result, _ Options) error {
	checks, root := audit.Checks(), rootOfOne
	if severalNodes(r) {
		root = rootOfMany
	}
	run := sarifRun{
		Tool:               sarifTool{sarifDriver{Name: "certaudit", Rules: sarifRules(checks)}},
		Invocations:        []sarifInvocation{{true, sarifNotifications(r.Outcomes)}},
		OriginalURIBaseIDs: map[string]sarifArtifact{rootPath: {Description: &sarifText{Text: root}}},
		Results:            sarifResults(r, checks),
	}
	return writeJSONValue(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

func sarifRules(checks []audit.Check) []sarifRule {
	rules := make([]sarifRule, len(checks))
	for i, c := range checks {
		rules[i] = sarifRule{
			ID:               c.ID,
			ShortDescription: sarifText{Text: sarifMessage(c.Summary)},
			FullDescription:  sarifText{Text: sarifMessage(c.Summary + ". " + c.Why)},
			Help: sarifText{
				Text:     sarifMessage(c.Why + "\nExample: " + c.Example + "\nRemedy: " + c.Remedy + "\nSource: " + c.Source),
				Markdown: sarifMessage(c.Why + "\n\n- **Example**: " + c.Example + "\n- **Remedy**: " + c.Remedy + "\n- **Source**: " + c.Source),
			},
			HelpURI:              webPage.FindString(c.Source),
			DefaultConfiguration: sarifConfiguration{sarifLevel(c.Severity)},
		}
	}
	return rules
}

// webPage finds the first page in a source, which may name an RFC before it.
var webPage = regexp.MustCompile(`https://[^\s;]+`)

// sarifMessage escapes what SARIF gives a meaning to in a text: placeholders
// and links (sections 3.11.5 and 3.11.6).
func sarifMessage(s string) string { return sarifEscapes.Replace(s) }

var sarifEscapes = strings.NewReplacer("{", "{{", "}", "}}", "](", `]\(`)

// sarifNotifications say which checks could not judge everything.
func sarifNotifications(outcomes []audit.Outcome) []sarifNotification {
	out := []sarifNotification{}
	for _, o := range outcomes {
		if o.State != audit.Incomplete {
			continue
		}
		text := printable(strings.Join(nonEmpty(o.Node, unjudged(o)), ": "))
		out = append(out, sarifNotification{"warning", sarifText{Text: sarifMessage(text)}, sarifRuleRef{printable(o.Check)}})
	}
	return out
}

func sarifResults(r audit.Result, checks []audit.Check) []sarifResult {
	results := make([]sarifResult, len(r.Findings))
	prints, at := fingerprints(r.Findings), locator(r)
	for i, f := range r.Findings {
		results[i] = sarifResult{
			RuleID:    printable(f.Check),
			RuleIndex: ruleIndex(checks, f.Check),
			Level:     sarifLevel(f.Severity),
			Message:   sarifText{Text: sarifMessage(statement(f, severalNodes(r)))},
			Locations: []sarifLocation{sarifLocationOf(f, at(f))},
			// The first is the only one that GitHub compares.
			PartialFingerprints: map[string]string{"primaryLocationLineHash": prints[i], "certaudit/v1": prints[i]},
			Suppressions:        sarifSuppressions(f),
		}
		if severalNodes(r) && f.Node != "" {
			results[i].Properties = &sarifProperties{printable(f.Node)}
		}
	}
	return results
}

func sarifSuppressions(f audit.Finding) []sarifSuppression {
	if reason := ignoredFor(f); reason != "" {
		return []sarifSuppression{{"external", printable(reason)}}
	}
	return nil
}

func ruleIndex(checks []audit.Check, id string) *int {
	i := slices.IndexFunc(checks, func(c audit.Check) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return &i
}

// sarifLocationOf always has a file: GitHub refuses a whole log for one result
// without.
func sarifLocationOf(f audit.Finding, path string) sarifLocation {
	uri := url.URL{Path: path}
	l := sarifLocation{PhysicalLocation: sarifPhysical{ArtifactLocation: sarifArtifact{URI: uri.String(), URIBaseID: rootPath}}}
	if f.Line > 0 {
		l.PhysicalLocation.Region = &sarifRegion{f.Line}
	}
	node, component, field := printable(f.Node), printable(f.Component), printable(f.Field)
	if component != "" {
		l.LogicalLocations = append(l.LogicalLocations, sarifLogical{component, strings.Join(nonEmpty(node, component), "/"), "module"})
	}
	if field != "" {
		l.LogicalLocations = append(l.LogicalLocations, sarifLogical{field, strings.Join(nonEmpty(node, component, field), "/"), "property"})
	}
	return l
}
