package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
)

// fingerprintVersion changes when the fingerprints of the same findings do.
const fingerprintVersion = "certaudit-fingerprint/v1"

var (
	// position is an element's place in a list, as in "users[0].user".
	position = regexp.MustCompile(`\[[0-9]+\]`)
	// stamp is the time in the name of a file that the kubelet rotated, as in
	// "kubelet-client-2026-10-24-12-00-00.pem" (client-go
	// util/certificate/certificate_store.go).
	stamp = regexp.MustCompile(`[0-9]{4}(-[0-9]{2}){5}\.pem$`)
)

// steadyPath is a path that a rotation leaves the same, and steadyField a field that it
// is whatever stands before it in its list.
func steadyPath(name string) string  { return stamp.ReplaceAllString(name, "*.pem") }
func steadyField(name string) string { return position.ReplaceAllString(name, "[]") }

// Fingerprint names what is wrong and where, in 64 lower-case hexadecimal
// digits: the SHA-256 of the finding's node, check, component, path and field.
// It survives what changes while the fault stays: a renewal (serial, dates,
// SHA256, the time in the name of a rotated file), lines and list elements that
// move, another severity or wording. Findings may therefore share one; who
// needs them apart counts them in their order.
func (f Finding) Fingerprint() string {
	h := sha256.New()
	parts := []string{fingerprintVersion, f.Node, f.Check, f.Component, steadyPath(f.Path), steadyField(f.Field)}
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s,", len(part), part) // the length keeps neighbours from running together
	}
	return hex.EncodeToString(h.Sum(nil))
}
