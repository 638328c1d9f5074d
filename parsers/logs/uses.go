package logs

import (
	"path"
	"slices"
	"strings"
)

// maxUses bounds the files of one line.
const maxUses = 64

// use is a wording that names files in use.
type use struct {
	text string
	// with is another word that must stand before it in the line; "" for none.
	with string
	read func(l Line, rest string) []Use
}

// uses are the wordings. Sources: etcd embed/etcd.go and pkg/transport TLSInfo.String
// (3.2 to 3.7), pkg/flags/flag.go; k8s.io/component-base cli/flag PrintFlags;
// k8s.io/apiserver dynamiccertificates and pkg/server/options/serving.go; kubernetes
// pkg/kubeapiserver/options, pkg/controller/certificates/signer; k8s.io/client-go
// util/certificate certificate_store.go; k3s pkg/daemons/executor/embed.go.
var uses = []use{
	{"peerTLS: cert = ", "", tlsInfo("peer-", "peer-")},
	{"ClientTLS: cert = ", "", tlsInfo("", "client-")},
	{`"tls-info":"cert = `, "with peer TLS", tlsInfo("peer-", "peer-")},
	{`"tls-info":"cert = `, "with client TLS", tlsInfo("", "client-")},
	{`"variable-name":"ETCD_`, "used environment variable", etcdVariable},
	{"FLAG: --", "", func(l Line, rest string) []Use { return flagUses(l, "--"+rest) }},
	{`"Running: ","args":[`, "", func(l Line, rest string) []Use { return flagUses(l, strings.ReplaceAll(rest, `"`, " ")) }},
	{"Running kube-apiserver ", "", runs("kube-apiserver")}, {"Running kube-controller-manager ", "", runs("kube-controller-manager")},
	{"Running kube-scheduler ", "", runs("kube-scheduler")}, {"Running kubelet ", "", runs("kubelet")}, {"Running kube-proxy ", "", runs("kube-proxy")},
	{"client-ca-bundle::", "Starting", file("client-ca-file")},
	{"request-header::", "Starting", file("requestheader-client-ca-file")},
	{"sni-serving-cert::", "Starting", pair("tls-sni-cert-key", "tls-sni-cert-key")},
	{"kubelet-server-cert-files::", "Starting", pair("tls-cert-file", "tls-private-key-file")},
	{"serving-cert::", "Starting", pair("tls-cert-file", "tls-private-key-file")},
	{"aggregator-proxy-cert::", "Starting", pair("proxy-client-cert-file", "proxy-client-key-file")},
	{"csr-controller::", "Starting", pair("cluster-signing-cert-file", "cluster-signing-key-file")},
	{`oading cert/key pair from "`, "", certificateStore},
	{"oading cert/key pair from a file", "", func(l Line, rest string) []Use { return certificateStore(l, field2(rest, `filePath="`)) }},
}

// usesOf returns the files that a line says its program uses.
func usesOf(l Line, text string) []Use {
	for _, u := range uses {
		i := strings.Index(text, u.text)
		if i < 0 || u.with != "" && !strings.Contains(text[:i], u.with) {
			continue
		}
		return u.read(l, text[i+len(u.text):])
	}
	return nil
}

// inUse is one file in use; none for a path that is not absolute.
func inUse(l Line, setting, p string) []Use {
	l.Text = ""
	if p = Printable(strings.TrimSpace(p)); !strings.HasPrefix(p, "/") || strings.HasSuffix(p, "…") {
		return nil
	}
	return []Use{{At: l, Setting: setting, Path: p}}
}

// tlsInfo reads what follows "cert = " of an etcd: NAME = VALUE, or NAME=VALUE, with commas
// between. The setting of a file is its flag behind the prefix; that of revoked
// certificates has a prefix of its own.
func tlsInfo(prefix, revoked string) func(Line, string) []Use {
	settings := map[string]string{"cert": prefix + "cert-file", "key": prefix + "key-file", "client-cert": prefix + "client-cert-file", "client-key": prefix + "client-key-file",
		"ca": prefix + "ca-file", "trusted-ca": prefix + "trusted-ca-file", "crl-file": revoked + "crl-file"}
	return func(l Line, rest string) []Use {
		var found []Use
		text, _, _ := strings.Cut("cert = "+rest, `"`)
		for field := range strings.SplitSeq(text, ", ") {
			name, value, _ := strings.Cut(field, "=")
			if setting := settings[strings.TrimSpace(name)]; setting != "" {
				found = append(found, inUse(l, setting, value)...)
			}
		}
		return found
	}
}

func file(setting string) func(Line, string) []Use {
	return func(l Line, rest string) []Use { return inUse(l, setting, name1(rest)) }
}

func pair(certificate, key string) func(Line, string) []Use {
	return func(l Line, rest string) []Use {
		crt, k, _ := strings.Cut(rest, "::")
		return append(inUse(l, certificate, crt), inUse(l, key, name1(k))...)
	}
}

// name1 is a path up to the end of a name of a controller.
func name1(rest string) string {
	if i := strings.IndexAny(rest, "\" ,\n"); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(rest, "::")
}

// certificateStore reads the file that a kubelet keeps in its folder.
func certificateStore(l Line, rest string) []Use {
	if p, _, ok := strings.Cut(rest, `"`); ok {
		return inUse(l, "cert-dir", path.Dir(p))
	}
	return nil
}

// etcdVariable reads what follows "ETCD_" of a variable that an etcd took a setting from.
func etcdVariable(l Line, rest string) []Use {
	name, rest, _ := strings.Cut(rest, `"`)
	setting := strings.ReplaceAll(strings.ToLower(name), "_", "-")
	if !namesFile(setting) {
		return nil
	}
	return inUse(l, setting, field(rest, `"variable-value":"`))
}

func runs(component string) func(Line, string) []Use {
	return func(l Line, rest string) []Use {
		l.Component = component
		return flagUses(l, rest)
	}
}

// flagUses reads a command line: flags with their values behind an equals sign. Values in
// brackets are lists.
func flagUses(l Line, text string) []Use {
	var found []Use
	for word := range strings.FieldsSeq(text) {
		name, value, ok := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !ok || !namesFile(name) || len(found) >= maxUses {
			continue
		}
		value, _, _ = strings.Cut(strings.TrimLeft(value, `"`), `"`)
		for p := range strings.SplitSeq(strings.Trim(value, "[]"), ",") {
			found = append(found, inUse(l, name, p)...)
		}
	}
	return found
}

// fileFlags end the names of flags that name files of certificates, keys or credentials.
var fileFlags = []string{"cafile", "certfile", "keyfile", "ca-file", "cert-file", "key-file", "crl-file", "kubeconfig", "-certificate", "-key",
	"certificate-authority", "cert-key", "cert-dir", "-cert", "-cacert", "-tls-ca", "webhook-config-file"}

func namesFile(flag string) bool {
	return slices.ContainsFunc(fileFlags, func(ending string) bool { return strings.HasSuffix(flag, ending) })
}
