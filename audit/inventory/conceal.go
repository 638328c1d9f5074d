package inventory

import (
	"regexp"
	"strings"

	"certaudit/parsers"
)

// concealed stands for a secret that was not kept.
const concealed = "xxxxx"

var (
	// secretFlag matches the names of flags that hold a password or a token themselves, such
	// as k3s has and components have had.
	secretFlag = regexp.MustCompile(`(^|-)(token|password|passwd|secret)$`)
	// secretInURL matches the password in a URL (RFC 3986, section 3.2.1).
	secretInURL = regexp.MustCompile(`(://[^/?#@:\s]*):[^/?#@\s]*@`)
)

// conceal drops passwords and tokens from what the inventory keeps of flags and URLs:
// nothing is judged by them.
func (inv *Inventory) conceal() {
	for _, c := range inv.Components {
		concealFlags(c.Settings)
		concealFlags(c.Overruled)
		concealFlags(c.StrayFields)
	}
	if inv.Proc != nil {
		for _, r := range inv.Proc.Running {
			concealFlags(r.Runs)
			concealFlags(r.Filed)
		}
	}
	for _, k := range inv.Kubeconfigs {
		concealClusters(k.Clusters)
	}
	for _, o := range inv.Objects {
		concealClusters(o.Clusters)
		for name, text := range o.Settings {
			o.Settings[name] = parsers.Text{Value: concealURL(text.Value), Origin: text.Origin}
		}
	}
}

func concealFlags(flags []parsers.Flag) {
	for i, f := range flags {
		if flags[i].Value = concealURL(f.Value); secretFlag.MatchString(f.Name) && !strings.HasPrefix(f.Value, "/") && f.Value != "" {
			flags[i].Value = concealed
		}
	}
}

func concealClusters(clusters []parsers.KubeCluster) {
	for i := range clusters {
		c := &clusters[i]
		c.Server.Value, c.ProxyURL.Value = concealURL(c.Server.Value), concealURL(c.ProxyURL.Value)
	}
}

// concealURL drops the passwords of URLs in a text.
func concealURL(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	return secretInURL.ReplaceAllString(text, "${1}:"+concealed+"@")
}
