package audit

import (
	"fmt"
	"regexp"
	"strconv"
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
func imageVersion(image string) string { return canonicalVersion(imageTag(image)) }

// imageSuffix returns what follows the version in an image's tag, "-eks-ab12" of
// "v1.29.3-eks-ab12"; "" where there is no version.
func imageSuffix(image string) string {
	m := versionPattern.FindStringSubmatch(imageTag(image))
	if m == nil {
		return ""
	}
	return m[4]
}

func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	slash := strings.LastIndex(image, "/")
	_, tag, _ := strings.Cut(image[slash+1:], ":")
	return tag
}

// Interval is a half-open range of versions, [Since, Until); an empty bound is
// open. The pre-releases of a bound lie behind it: they have what the release
// brings.
type Interval struct {
	Since string `yaml:"since" json:"since,omitempty"`
	Until string `yaml:"until" json:"until,omitempty"`
}

func (iv Interval) holds(version string) bool {
	return !iv.startsAfter(version) && !iv.endsBefore(version)
}

func (iv Interval) startsAfter(version string) bool {
	return iv.Since != "" && semver.Compare(version, bound(iv.Since)) < 0
}

func (iv Interval) endsBefore(version string) bool {
	return iv.Until != "" && semver.Compare(version, bound(iv.Until)) >= 0
}

// validate returns an error for bounds that are no versions, or that have none
// between them.
func (iv Interval) validate() error {
	switch {
	case iv.Since != "" && canonicalVersion(iv.Since) == "" || iv.Until != "" && canonicalVersion(iv.Until) == "":
		return fmt.Errorf("since %q or until %q is no version", iv.Since, iv.Until)
	case iv.Since != "" && iv.endsBefore(canonicalVersion(iv.Since)):
		return fmt.Errorf("no version lies between since %q and until %q", iv.Since, iv.Until)
	}
	return nil
}

// bound is a version in front of all pre-releases of the one that is written.
func bound(version string) string { return canonicalVersion(version) + "-0" }

// words say which versions the range holds: "all", "1.29 and later", "before
// 1.29" or "1.29 up to 1.34".
func (iv Interval) words() string {
	switch {
	case iv == Interval{}:
		return "all"
	case iv.Until == "":
		return iv.Since + " and later"
	case iv.Since == "":
		return "before " + iv.Until
	}
	return iv.Since + " up to " + iv.Until
}

// phrase says since or until when something is so: "from 1.20 on", "before 1.21".
func (iv Interval) phrase() string {
	if iv.Since != "" {
		return "from " + iv.Since + " on"
	}
	return "before " + iv.Until
}

// olderBy returns the first release some minor versions before another.
func olderBy(version string, minors int) string {
	major, minor, _ := strings.Cut(semver.MajorMinor(version), ".")
	m, _ := strconv.Atoi(minor) // a canonical version has one
	return canonicalVersion(major + "." + strconv.Itoa(max(m-minors, 0)))
}

// isOlder reports whether a version comes before another; both are canonical.
func isOlder(a, b string) bool { return semver.Compare(a, b) < 0 }

// isMinorOlder reports whether the minor version of one comes before that of another; both
// are canonical.
func isMinorOlder(a, b string) bool {
	return isOlder(semver.MajorMinor(a), semver.MajorMinor(b))
}

// lastBefore is the minor version before a bound, "1.37" of "1.38".
func lastBefore(until string) string {
	return strings.TrimPrefix(semver.MajorMinor(olderBy(canonicalVersion(until), 1)), "v")
}
