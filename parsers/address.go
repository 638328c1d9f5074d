package parsers

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// List returns the values of a comma-separated list, without the empty ones.
func List(values string) []string {
	return strings.FieldsFunc(values, func(r rune) bool { return r == ',' })
}

// HostsOf returns the hosts of a comma-separated list of https URLs, without
// the unspecified addresses, which nobody dials.
func HostsOf(urls string) []string {
	var hosts []string
	for u := range strings.SplitSeq(urls, ",") {
		if !strings.HasPrefix(strings.TrimSpace(u), "https://") {
			continue
		}
		host := HostOf(u)
		if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
			continue
		}
		if host != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// HostOf returns the host of a URL, or of host:port, without port and brackets;
// "" where there is none.
func HostOf(s string) string { return asURL(s).Hostname() }

// PortOf returns the port of a URL or of host:port, "" where there is none or the text
// is neither.
func PortOf(s string) string { return asURL(s).Port() }

// asURL reads a URL, or host:port as one without a scheme; the empty URL for what is
// neither.
func asURL(s string) *url.URL {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "//") {
		s = "//" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return &url.URL{}
	}
	return u
}

// Bracketed is a host as it stands in front of a port: an IPv6 address in brackets.
func Bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// IsAddress reports whether a text is an IP address.
func IsAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
