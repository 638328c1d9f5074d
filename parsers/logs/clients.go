package logs

import (
	"regexp"
	"strings"
)

// clientFields are fields with what a client sent, as klog, zap, JSON and the error log of
// nginx write them. Sources: k8s.io/apiserver pkg/server/httplog/httplog.go and
// pkg/apis/audit/v1/types.go; nginx ngx_http_request.c (ngx_http_log_error_handler).
// A path is one only where it has a blank: others are files.
var clientFields = regexp.MustCompile(`\b(?:(?:[uU]ser[-_]?[aA]gent|requestURI|URI|uri|verb|query)(?:\\*")?\s?[:=]\s?|path(?:\\*")?[:=]|(?:request|referrer): )(\\*")`)

// clientObjects are fields of audit events with objects that a client named or sent.
var clientObjects = regexp.MustCompile(`"(?:objectRef|requestObject|responseObject)":\{`)

// accessEntry is the request, and behind its status and size the referrer and the user agent, in the
// combined format of access logs (httpd mod_log_config, nginx ngx_http_log_module).
var accessEntry = regexp.MustCompile(`"(?:[^"\\]|\\.)*" [1-5][0-9]{2} (?:[0-9]+|-)(?: "(?:[^"\\]|\\.)*"){0,3}`)

// statuses begin the status behind a request, of which an access log has one.
var statuses = []string{`" 1`, `" 2`, `" 3`, `" 4`, `" 5`}

// oldRequest is what httplog.go of Kubernetes up to 1.18 writes of a request, with the user agent
// and the address in brackets.
var oldRequest = regexp.MustCompile(`\b[A-Z]+ [^"\n]*: \([0-9.]+[a-zµ]*s\) [0-9]{3} \[[^\]\n]*\]`)

// fieldGates are words of which a text with clientFields has one.
var fieldGates = []string{"serAgent", "ser-agent", "ser-Agent", "ser_agent", "seragent", "URI", "uri", "verb", "query", "path", "request: ", "referrer: "}

// auditKind begins an audit event (k8s.io/apiserver pkg/apis/audit/v1).
const auditKind = `"apiVersion":"audit.k8s.io/`

// withoutClients is a text without the values that a client chose: what one calls itself, or
// asks for, is no failure.
func withoutClients(text string) string {
	if containsAny(text, statuses) {
		text = withoutAccess(text)
	}
	if strings.Contains(text, "s) ") {
		text = oldRequest.ReplaceAllString(text, "")
	}
	if strings.Contains(text, auditKind) {
		text = dropped(text, clientObjects, func(rest, _ string) int { return nestedLength([]byte("{"+rest)) - 1 })
	}
	if containsAny(text, fieldGates) {
		text = dropped(text, clientFields, valueLengthIn)
	}
	return text
}

// withoutAccess drops what a client sent from a line of an access log.
func withoutAccess(text string) string {
	m := accessEntry.FindStringIndex(text)
	if m == nil {
		return text
	}
	return text[:m[0]] + text[m[1]:]
}

// dropped is a text without the values behind the matches of a form, each as long as length
// says of what follows; the first group of the form is the quote that it begins with.
func dropped(text string, form *regexp.Regexp, length func(rest, quote string) int) string {
	var b strings.Builder
	kept := 0
	for from := 0; from < len(text); {
		m := form.FindStringSubmatchIndex(text[from:])
		if m == nil {
			break
		}
		start, quote := from+m[1], ""
		if len(m) > 2 {
			quote = text[from+m[2] : from+m[3]]
		}
		end := start + max(length(text[start:], quote), 0)
		if strings.HasPrefix(text[from+m[0]:], "path") && !strings.Contains(text[start:end], " ") {
			from = end
			continue
		}
		b.WriteString(text[kept:start])
		kept, from = end, end
	}
	if kept == 0 {
		return text
	}
	b.WriteString(text[kept:])
	return b.String()
}
