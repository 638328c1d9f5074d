package audit

import (
	"fmt"
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

// kubectl is the command that does something with the object. What lies in no
// namespace according to its manifest is in that of the context.
func kubectl(verb string, o inventory.Object) string {
	words := []string{"kubectl", verb, shellWord(o.Name)}
	if o.Namespace != "" {
		words = slices.Insert(words, 1, "-n", shellWord(o.Namespace))
	}
	return strings.Join(words, " ")
}

// pointers makes of a field the JSON pointer that a patch takes (RFC 6901).
var pointers = strings.NewReplacer(".", "/", "[", "/", "]", "")

// bundlePatch is what puts the CA of a Secret into the caBundle of a target: the
// command, if the Secret holds a CA that verifies its certificate. The patch fails
// where the webhook at that place is another by now (RFC 6902, "test").
func (p *pass) bundlePatch(o inventory.Object, t inventory.Target, s tlsSecret) remedy {
	key := ""
	switch {
	case len(s.ca) > 0 && p.verify(s.leaf(), s.certs[1:], bundle{certs: s.ca}, p.now) == nil:
		key = "ca.crt"
	case p.selfSigned(s.leaf()) && len(s.certs) == 1:
		key = "tls.crt"
	}
	prefix := strings.TrimSuffix(strings.TrimSuffix(t.Origin.Field, "service.name"), "url")
	for _, name := range []string{o.Name, s.Name, s.Namespace, strings.ToLower(o.Kind), t.Name} {
		if name != "" && !validName.MatchString(name) {
			key = ""
		}
	}
	if key == "" || prefix == t.Origin.Field {
		return remedy{"# put the CA that issued the certificate of " + s.Label() + " into the caBundle"}
	}
	test := ""
	if hook, _, inList := strings.Cut(prefix, "]"); inList && t.Name != "" {
		test = fmt.Sprintf(`{\"op\":\"test\",\"path\":\"/%s/name\",\"value\":\"%s\"},`, pointers.Replace(hook), t.Name)
	}
	from := fmt.Sprintf(`$(kubectl -n %s get secret %s -o 'jsonpath={.data.%s}')`, shellWord(s.Namespace), shellWord(s.Name), strings.ReplaceAll(key, ".", `\.`))
	return remedy{kubectl("patch "+strings.ToLower(o.Kind), o) +
		fmt.Sprintf(` --type=json -p="[%s{\"op\":\"add\",\"path\":\"/%scaBundle\",\"value\":\"%s\"}]"`, test, pointers.Replace(prefix), from)}
}

// serverEdit is what has the kubeconfig in a ConfigMap call the API server as the
// node's own kubeconfigs do, if that fits its certificate.
func (p *pass) serverEdit(o inventory.Object, old string, server credentials) remedy {
	edit := remedy{kubectl("edit configmap", o)}
	for _, ref := range p.inv.References {
		cluster, _, ok := p.inv.Kubeconfigs[ref.Path].Current()
		if !ok || !callsOwnServer[ref.Role] || server.chain[0].VerifyHostname(hostOf(cluster)) != nil {
			continue
		}
		if url := cluster.Server.Value; serverValue.MatchString(url) && serverValue.MatchString(old) && url != old {
			edit = remedy{kubectl("get configmap", o) + " -o yaml | sed " +
				shellWord(fmt.Sprintf("s|server: %s$|server: %s|", strings.ReplaceAll(old, ".", `\.`), url)) + " | kubectl replace -f -"}
			break
		}
	}
	if o.Label() == proxyConfig {
		edit = append(edit, "kubectl -n kube-system rollout restart daemonset kube-proxy")
	}
	return edit
}
