package audit

import (
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

var (
	versionPattern = regexp.MustCompile(`^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(.*)$`)
	prerelease     = regexp.MustCompile(`^-(alpha|beta|rc)[.\d]*`)
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

// interval is a half-open range of versions; an empty bound is open.
type interval struct{ since, until string }

func (iv interval) holds(version string) bool {
	return !iv.startsAfter(version) && !iv.endsBefore(version)
}

func (iv interval) startsAfter(version string) bool {
	return iv.since != "" && semver.Compare(version, canonicalVersion(iv.since)) < 0
}

func (iv interval) endsBefore(version string) bool {
	return iv.until != "" && semver.Compare(version, canonicalVersion(iv.until)) >= 0
}

// always reports whether the range has no bound.
func (iv interval) always() bool { return iv.since == "" && iv.until == "" }
