package audit

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

var (
	versionPattern = regexp.MustCompile(`^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(|[-+_].*)$`)
	prerelease     = regexp.MustCompile(`^-(?:alpha|beta|rc)\b(?:\.\d{1,4}\b)?`)
)

// canonicalVersion turns "1.29", "v1.29.3-eks-ab12" or "v1.29.0-rc.1" into what
// semver compares, or "" if it is no version. A vendor's suffix is dropped, for
// "1.29.3-eks" is not older than 1.29.3; a pre-release is kept.
func canonicalVersion(s string) string {
	m := versionPattern.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return ""
	}
	patch := m[3]
	if patch == "" {
		patch = "0"
	}
	return semver.Canonical("v" + m[1] + "." + m[2] + "." + patch + prerelease.FindString(m[4]))
}

// imageVersion returns the version in an image's tag, or "".
func imageVersion(image string) string {
	image, _, _ = strings.Cut(image, "@")
	slash := strings.LastIndex(image, "/")
	_, tag, ok := strings.Cut(image[slash+1:], ":")
	if !ok {
		return ""
	}
	return canonicalVersion(tag)
}

// interval is a half-open range of versions; an empty bound is open. The
// pre-releases of a bound lie behind it: they have what the release brings.
type interval struct{ since, until string }

func (iv interval) holds(version string) bool {
	return !iv.startsAfter(version) && !iv.endsBefore(version)
}

func (iv interval) startsAfter(version string) bool {
	return iv.since != "" && semver.Compare(version, bound(iv.since)) < 0
}

func (iv interval) endsBefore(version string) bool {
	return iv.until != "" && semver.Compare(version, bound(iv.until)) >= 0
}

// validate returns an error for bounds that are no versions, or that have none
// between them.
func (iv interval) validate() error {
	switch {
	case iv.since != "" && canonicalVersion(iv.since) == "" || iv.until != "" && canonicalVersion(iv.until) == "":
		return fmt.Errorf("since %q or until %q is no version", iv.since, iv.until)
	case iv.since != "" && iv.endsBefore(canonicalVersion(iv.since)):
		return fmt.Errorf("no version lies between since %q and until %q", iv.since, iv.until)
	}
	return nil
}

// bound is a version in front of all pre-releases of the one that is written.
func bound(version string) string { return canonicalVersion(version) + "-0" }

// always reports whether the range has no bound.
func (iv interval) always() bool { return iv.since == "" && iv.until == "" }
