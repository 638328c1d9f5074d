package parsers

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Kubeconfig is a kubectl configuration file (k8s.io/client-go
// tools/clientcmd/api/v1).
type Kubeconfig struct {
	Path           string        `json:"path"`
	CurrentContext Text          `json:"currentContext,omitzero"`
	Clusters       []KubeCluster `json:"clusters,omitempty"`
	Users          []KubeUser    `json:"users,omitempty"`
	Contexts       []KubeContext `json:"contexts,omitempty"`
	Problems       []Problem     `json:"problems,omitempty"`
}

// KubeCluster is one API server and how it is verified.
type KubeCluster struct {
	Name                  string   `json:"name"`
	Origin                Origin   `json:"origin"`
	Server                Text     `json:"server,omitzero"`
	CAFile                Text     `json:"caFile,omitzero"`
	CAData                Embedded `json:"caData,omitzero"`
	InsecureSkipTLSVerify bool     `json:"insecureSkipTLSVerify,omitempty"`
	TLSServerName         Text     `json:"tlsServerName,omitzero"`
	ProxyURL              Text     `json:"proxyURL,omitzero"`
}

// KubeUser is one set of credentials.
type KubeUser struct {
	Name            string   `json:"name"`
	Origin          Origin   `json:"origin"`
	CertificateFile Text     `json:"certificateFile,omitzero"`
	KeyFile         Text     `json:"keyFile,omitzero"`
	CertificateData Embedded `json:"certificateData,omitzero"`
	KeyData         Embedded `json:"keyData,omitzero"`
	// TokenAuth: a token, token file or password takes part.
	TokenAuth bool `json:"tokenAuth,omitempty"`
	// Exec: a plugin provides the credentials.
	Exec bool `json:"exec,omitempty"`
}

// KubeContext pairs a user with a cluster.
type KubeContext struct {
	Name    string `json:"name"`
	Origin  Origin `json:"origin"`
	Cluster string `json:"cluster"`
	User    string `json:"user"`
}

// Embedded is the material that a field holds in base64.
type Embedded struct {
	Origin   Origin   `json:"origin"`
	Material Material `json:"material"`
}

// IsZero reports whether the field was absent or empty.
func (e Embedded) IsZero() bool { return e.Origin == Origin{} }

// Kubeconfig returns the document as a kubeconfig, and false where it is none.
// A second entry of one name is a problem, since client-go refuses the file,
// and is left out.
func (d Document) Kubeconfig() (Kubeconfig, bool) {
	if kind := d.Kind(); kind != "Config" && (kind != "" || len(d.At("clusters")) == 0 && len(d.At("users")) == 0) {
		return Kubeconfig{}, false
	}
	k := Kubeconfig{Path: d.path}
	it := d.item(&k.Problems)
	k.CurrentContext = it.textOf("current-context")
	for _, named := range named(it, "clusters", "cluster") {
		k.Clusters = append(k.Clusters, kubeCluster(named))
	}
	for _, named := range named(it, "users", "user") {
		k.Users = append(k.Users, kubeUser(named))
	}
	for _, named := range named(it, "contexts", "context") {
		k.Contexts = append(k.Contexts, KubeContext{Name: named.name, Origin: named.body.origin(),
			Cluster: named.body.textOf("cluster").Value, User: named.body.textOf("user").Value})
	}
	return k, true
}

type namedItem struct {
	name string
	body item
}

// named returns the entries of one of the three lists, each name once. The body
// of an entry may be absent, and is empty then. Two entries of which one has the
// name alone and the next the body alone are one, with a dash too many.
func named(it item, list, key string) []namedItem {
	var out []namedItem
	first := map[string]int{}
	split := ""
	for _, e := range it.mappings(list) {
		_, hasName := e.get("name")
		_, hasBody := e.get(key)
		name := e.textOf("name").Value
		if split != "" && hasBody && !hasName {
			e.problem(KindSyntax, fmt.Sprintf("has no name, and the entry before it, %q, has no %s: there is a dash too many, and client-go takes them for two", split, key))
			name, out = split, out[:len(out)-1]
			delete(first, split)
		}
		split = ""
		if line, twice := first[name]; twice {
			e.problem(KindSyntax, fmt.Sprintf("the name %q is taken by the entry on line %d, and client-go refuses the file", name, line))
			continue
		}
		first[name] = e.node.Line
		body, ok := e.get(key)
		if !ok {
			body = item{e.path, &yaml.Node{Kind: yaml.MappingNode, Line: e.node.Line}, join(e.field, key), e.problems}
		}
		if body.isMapping() {
			out = append(out, namedItem{name, body})
			if hasName && !hasBody {
				split = name
			}
		}
	}
	return out
}

func kubeCluster(n namedItem) KubeCluster {
	return KubeCluster{Name: n.name, Origin: n.body.origin(),
		Server:                n.body.textOf("server"),
		CAFile:                fileOf(n.body, "certificate-authority"),
		CAData:                embedded(n.body, "certificate-authority-data"),
		InsecureSkipTLSVerify: n.body.truth("insecure-skip-tls-verify"),
		TLSServerName:         n.body.textOf("tls-server-name"),
		ProxyURL:              n.body.textOf("proxy-url"),
	}
}

func kubeUser(n namedItem) KubeUser {
	return KubeUser{Name: n.name, Origin: n.body.origin(),
		CertificateFile: fileOf(n.body, "client-certificate"),
		KeyFile:         fileOf(n.body, "client-key"),
		CertificateData: embedded(n.body, "client-certificate-data"),
		KeyData:         embedded(n.body, "client-key-data"),
		TokenAuth:       given(n.body, "token", "tokenFile", "username"),
		Exec:            given(n.body, "exec", "auth-provider"),
	}
}

// given reports whether one of the keys holds something.
func given(it item, keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		c, ok := it.get(key)
		return ok && (resolved(c.node).Kind != yaml.ScalarNode || resolved(c.node).Value != "")
	})
}

// fileOf reads a field that names a file. One that holds the material itself is
// a problem, and not repeated: it may be a private key.
func fileOf(it item, key string) Text {
	c, ok := it.get(key)
	if !ok {
		return Text{}
	}
	t := c.text()
	if isData(t.Value) {
		c.problem(KindSyntax, fmt.Sprintf("holds the data itself; the field takes the path of a file, and %q takes the data in base64", key+"-data"))
		return Text{}
	}
	return t
}

const pemMark = "-----BEGIN"

// isData reports whether a value is PEM or base64 of PEM, though it may be damaged.
func isData(value string) bool {
	data, _ := base64.StdEncoding.DecodeString(value) // up to the damage
	defer clear(data)
	return strings.Contains(value, pemMark) || bytes.Contains(data, []byte(pemMark))
}

// embedded decodes a field of base64 and the material in it. Like client-go,
// through encoding/json, it passes over line breaks in the base64.
func embedded(it item, key string) Embedded {
	t := it.textOf(key)
	if t.Value == "" {
		return Embedded{}
	}
	e := Embedded{Origin: t.Origin}
	data, err := base64.StdEncoding.DecodeString(t.Value)
	if detail := notData(t.Value, err); detail != "" {
		clear(data)
		e.Material.Problems = []Problem{{t.Origin, KindSyntax, detail}}
		return e
	}
	e.Material = ParseMaterial(t.Origin, data)
	clear(data)
	return e
}

// placeholders are what kubectl config view prints in place of data. They are
// sound base64.
var placeholders = []string{"DATA+OMITTED", "REDACTED"}

// notData says why a field holds no data in base64, "" if it does; err is that
// of decoding it. It never repeats the field, which may be half a key.
func notData(value string, err error) string {
	switch {
	case slices.Contains(placeholders, strings.TrimSpace(value)):
		return "is a placeholder; kubectl config view prints the data only with --raw"
	case strings.Contains(value, pemMark):
		return "is PEM; the field takes base64 of PEM"
	case strings.ContainsAny(value, "<>${}"):
		return "is a placeholder, not base64"
	case err != nil:
		return NotBase64(value, err)
	}
	return ""
}

// NotBase64 says why a field that should be base64 cannot be decoded; err is that
// of decoding it. It never repeats the field.
func NotBase64(value string, err error) string {
	if whole := strings.Fields(value); len(whole) > 1 {
		if data, broken := base64.StdEncoding.DecodeString(strings.Join(whole, "")); broken == nil {
			clear(data)
			return "is base64 that was wrapped into lines, which YAML joins with blanks; expected all of it on one line"
		}
	}
	return "is not base64: " + err.Error()
}

// Current returns the cluster and user of the current context; false where the
// context or its cluster is not there.
func (k Kubeconfig) Current() (KubeCluster, KubeUser, bool) {
	for _, c := range k.Contexts {
		if c.Name == k.CurrentContext.Value {
			cluster, ok := k.Cluster(c.Cluster)
			user, _ := k.User(c.User)
			return cluster, user, ok
		}
	}
	return KubeCluster{}, KubeUser{}, false
}

// Cluster returns the cluster of a name.
func (k Kubeconfig) Cluster(name string) (KubeCluster, bool) {
	for _, c := range k.Clusters {
		if c.Name == name {
			return c, true
		}
	}
	return KubeCluster{}, false
}

// User returns the user of a name.
func (k Kubeconfig) User(name string) (KubeUser, bool) {
	for _, u := range k.Users {
		if u.Name == name {
			return u, true
		}
	}
	return KubeUser{}, false
}

// ResolvePath resolves a path that a file names: a relative one against the
// file's folder. "" names nothing and stays "".
func ResolvePath(file, name string) string {
	if name == "" {
		return ""
	}
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(path.Dir(file), name)
}
