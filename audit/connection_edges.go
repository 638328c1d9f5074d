package audit

import (
	"certaudit/audit/inventory"
	"cmp"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// kubeconfigEdges are the connections of everything that calls the API server
// with a kubeconfig.
func (n *nodeAudit) kubeconfigEdges() []edge {
	var edges []edge
	resolved := 0
	seen := map[string]bool{}
	for _, ref := range n.inv.References {
		r := roleNamed(ref.Role)
		k, ok := n.inv.Kubeconfigs[ref.Path]
		if ref.Holds != inventory.HoldsKubeconfig || r.name == inventory.RoleOutbound || seen[ref.Role+ref.Path] {
			continue
		}
		seen[ref.Role+ref.Path] = true
		if !ok {
			edges = append(edges, n.unmadeEdge(ref, r)...)
			continue
		}
		contexts, left := bounded(contextsOf(k, r), maxContexts-resolved)
		resolved += len(contexts)
		for _, context := range contexts {
			if l, ok := n.kubeconfigEdge(k, context, r, ref); ok {
				edges = append(edges, l)
			}
		}
		edges = append(edges, more("kubectl ("+ref.Path+", other contexts)", "kube-apiserver", left, ref.Origin)...)
	}
	return edges
}

// unmadeEdge is the connection of a component to the API server that it does not make,
// since it gets nothing from its kubeconfig; none where that is not known.
func (n *nodeAudit) unmadeEdge(ref inventory.Reference, r *role) []edge {
	why := n.kubeconfigFault(ref)
	if why == "" || r.kind != typeToAPI || ref.Optional || ref.Guessed || n.notJoined(group{path: ref.Path, refs: []*inventory.Reference{&ref}}) {
		return nil
	}
	l := edge{role: *r, dialled: ref.Origin}
	l.Client, l.Server = clientName(r, ref, parsers.KubeContext{}), inventory.APIServer
	l.serverSide = verification{verdict: VerdictBroken, fault: faultUnmade, reason: ref.Path + " " + why, at: parsers.Origin{Path: ref.Path}, paths: []string{ref.Path}}
	l.clientSide, l.authorization = verification{verdict: VerdictNone}, verification{verdict: VerdictNone}
	return []edge{l}
}

// kubeconfigFault says why nothing is got from a kubeconfig; "" where this user may not
// read it, or the container does not see it.
func (n *node) kubeconfigFault(ref inventory.Reference) string {
	switch f := n.inv.Files[ref.Path]; {
	case ref.Unmounted || f.State == "" || f.State == inventory.Unreadable:
		return ""
	case f.State != inventory.Readable:
		return f.Reason
	}
	i := slices.IndexFunc(n.inv.Problems, func(p inventory.InputProblem) bool { return p.Origin.Path == ref.Path && spoilsFile(p) })
	if i < 0 {
		return ""
	}
	return n.inv.Problems[i].Detail
}

// contextsOf are the contexts of a kubeconfig that are in use: the current one
// of a component, all of a user.
func contextsOf(k parsers.Kubeconfig, r *role) []parsers.KubeContext {
	if r.name == inventory.RoleUser {
		return k.Contexts
	}
	for _, c := range k.Contexts {
		if c.Name == k.CurrentContext.Value {
			return []parsers.KubeContext{c}
		}
	}
	return nil
}

func (n *nodeAudit) kubeconfigEdge(k parsers.Kubeconfig, context parsers.KubeContext, r *role, ref inventory.Reference) (edge, bool) {
	cluster, ok := k.Cluster(context.Cluster)
	if !ok || (r.name == inventory.RoleUser || ref.Guessed) && !isOwnCluster(n.inv, cluster) {
		return edge{}, false
	}
	user, _ := k.User(context.User)
	l := edge{role: *r, dialled: cluster.Server.Origin}
	l.Client, l.Server, l.Address = clientName(r, ref, context), "kube-apiserver", cluster.Server.Value
	host := hostOf(cluster)
	server, clients := n.apiServer(host), n.apiServerClients(host)
	trust := n.serverTrust(cluster, server)
	l.serverSide = n.verifyServer(server, trust, to(host))
	if server.unseen && l.serverSide.verdict == VerdictUnknown {
		l.serverSide = n.verifyCluster(trust, l.serverSide)
	}
	if isFormer(n.inv, n.facts.profile, host) {
		l.doubt = fmt.Sprintf("calls %s, and the API server of this node gives out %s: it looks like an address that the node had before", host, n.inv.AdvertiseAddress())
		if l.serverSide.fault == faultName {
			l.serverSide.reason += "; the API server gives out " + n.inv.AdvertiseAddress()
		}
	}
	offered := n.userCredentials(user, r)
	if elsewhere(n.inv, n.facts.profile, host) != "" || farCallers[r.name] && l.doubt == "" && !n.inv.IsOwn(host) {
		l.far = farEnd{inventory.APIServer, host, trust, offered, nil}
	}
	if (offered.none || clients.refuses) && (user.TokenAuth || user.Exec) {
		l.far.offered = credentials{}
		l.clientSide, l.authorization = verification{verdict: VerdictNone, reason: "the client shows a token"}, verification{verdict: VerdictNone}
		return l, true
	}
	l.clientSide = n.verifyClient(offered, clients)
	l.authorization, l.Identity = n.identify(r, offered), identityOf(offered)
	return l, true
}

// verifyCluster judges what a client verifies an API server with that is not in
// view: kubeadm's have their certificates of the CA of the node's ca.crt.
func (n *nodeAudit) verifyCluster(trust anchors, otherwise verification) verification {
	own, ok := ownCA(n.inv)
	if !ok || n.facts.profile != ProfileKubeadm || len(trust.certs) == 0 || n.related(trust.certs, own.certs) {
		return otherwise
	}
	return verification{verdict: VerdictBroken, fault: faultUntrusted, at: trust.at, paths: trust.paths,
		reason: fmt.Sprintf("the client trusts %s alone, and the CA of %s is %s", described(trust.certs), own.place.Path, described(own.certs))}
}

// ownCA is the cluster's CA as a node has it in a file.
func ownCA(inv *inventory.Inventory) (bundle, bool) {
	return bundleNamed(inv, []string{"kube-controller-manager --root-ca-file", "kubeadm ca.crt", "kube-apiserver --client-ca-file", "kubelet --client-ca-file"})
}

// related reports whether a certificate of one bundle has a key of the other, or
// signed one of it, or may have.
func (n *nodeAudit) related(a, b []*x509.Certificate) bool {
	if sharedKey(a, b) != nil {
		return true
	}
	signs := func(cas, certs []*x509.Certificate) bool {
		return slices.ContainsFunc(certs, func(c *x509.Certificate) bool {
			return slices.ContainsFunc(cas, func(ca *x509.Certificate) bool { return n.maybeSigned(ca, c) })
		})
	}
	return signs(a, b) || signs(b, a)
}

// clientName is the component, or, for a person's file, the file and context.
func clientName(r *role, ref inventory.Reference, context parsers.KubeContext) string {
	switch {
	case r.name == inventory.RoleUser:
		return fmt.Sprintf("kubectl (%s, context %s)", ref.Path, context.Name)
	case ref.Name == "bootstrap-kubeconfig":
		return "kubelet (bootstrap)"
	case r.component != "":
		return r.component
	}
	return ref.Component
}

// podEdges is the connection of every pod to the API server, with the CA that
// the controller-manager gives it.
func (n *nodeAudit) podEdges() []edge {
	trust, ok := n.podTrust()
	hosts := n.facts.values["serviceIP"]
	if !ok || len(hosts) == 0 {
		return nil
	}
	l := edge{dialled: n.inv.Setting("kube-apiserver", "service-cluster-ip-range").Origin}
	l.Client, l.Server, l.Address = "pods", "kube-apiserver", (&url.URL{Scheme: "https", Host: parsers.Bracketed(hosts[0])}).String()
	l.serverSide = n.verifyServer(n.apiServer(hosts[0]), trust, to(hosts[0]))
	l.clientSide, l.authorization = verification{verdict: VerdictNone, reason: "the client shows a token"}, verification{verdict: VerdictNone}
	return []edge{l}
}

// podTrust is what the controller-manager gives to pods to verify the API server with:
// its --root-ca-file, else the CA that its own kubeconfig embeds; of one that names a
// file it gives them nothing (kubernetes cmd/kube-controller-manager/app/certificates.go
// getKubeAPIServerCAFileContents). ok is false where it is not known.
func (n *node) podTrust() (trust anchors, ok bool) {
	if ref, ok := n.inv.ReferenceOf(inventory.ControllerManager, "root-ca-file"); ok {
		return n.trustedBy(ref, true, ""), true
	}
	own, hasOwn := n.inv.ReferenceOf(inventory.ControllerManager, "kubeconfig")
	cluster, _, inUse := n.inv.Kubeconfigs[own.Path].Current()
	u := n.unset(inventory.ControllerManager, "root-ca-file")
	if u.flag == "" || !hasOwn || !inUse {
		return anchors{}, false
	}
	if ref, embedded := n.inv.ReferenceAt(cluster.CAData.Origin); embedded {
		return n.trustedBy(ref, true, ""), true
	}
	return anchors{refuses: true, at: u.at, unset: u,
		reason: "--root-ca-file is not set, and the kubeconfig of kube-controller-manager embeds no CA: pods are given none to verify the API server with"}, true
}

// kubeletEdges is the connection of the API server to the kubelet of this node.
func (n *nodeAudit) kubeletEdges() []edge {
	server, hasServer := n.inv.Component("kube-apiserver")
	if _, ok := n.inv.Component("kubelet"); !ok || !hasServer {
		return nil
	}
	r := roleNamed(inventory.RoleAPIServerKubelet)
	dialled, at := kubeletTarget(n.inv, n.ownName())
	l := edge{role: *r, dialled: at}
	l.Client, l.Server = "kube-apiserver", "kubelet"
	if shown := cmp.Or(dialled.host, n.ownName()); shown != "" {
		l.Address = "https://" + net.JoinHostPort(shown, cmp.Or(n.inv.Setting("kubelet", "port").Value, "10250"))
	}
	ca, hasCA := kubeletVerifier(n.inv)
	trust := n.trustedBy(ca, hasCA, "--kubelet-certificate-authority is not set: the API server does not verify kubelets")
	if whole, reason := isWhole(n.inv, server); !hasCA && !whole {
		trust = anchors{unseen: true, reason: reason}
	}
	l.serverSide = n.verifyServer(n.kubeletServer(), trust, dialled)
	offered := n.kubeletClient()
	l.clientSide = n.kubeletTakes(offered)
	l.authorization, l.Identity = n.identify(r, offered), identityOf(offered)
	return []edge{l}
}

// kubeletClient is what the API server of this node presents to kubelets.
func (n *node) kubeletClient() credentials {
	cert, ok := n.inv.ReferenceOf(inventory.APIServer, "kubelet-client-certificate")
	offered := n.presentedBy(cert, ok)
	if !ok {
		offered.unset = n.unset(inventory.APIServer, "kubelet-client-certificate")
	}
	return offered
}

// kubeletTakes judges how the kubelet verifies the API server. Without a certificate,
// and without a CA to verify one with, the API server is anonymous to it.
func (n *nodeAudit) kubeletTakes(offered credentials) verification {
	ref, verifies := n.inv.ReferenceOf(inventory.Kubelet, "client-ca-file")
	if verifies && !offered.none {
		return n.verifyClient(offered, n.trustedBy(ref, true, ""))
	}
	u := n.unset(inventory.Kubelet, "client-ca-file")
	if verifies {
		u = offered.unset
	}
	if u.flag == "" {
		return verification{verdict: VerdictUnknown, reason: "the settings of the two were not read as a whole"}
	}
	h := n.anonymousKubelet()
	h.at, h.unset = u.at, u
	h.reason = u.name() + " is not set: the API server is anonymous to the kubelet, " + h.reason
	return h
}

// anonymousKubelet says what becomes of the calls of somebody who is anonymous to the
// kubelet. What is not set depends on whether it has a configuration file (kubernetes
// cmd/kubelet/app/options applyLegacyDefaults, pkg/kubelet/apis/config/v1beta1
// defaults.go).
func (n *node) anonymousKubelet() verification {
	c, _ := n.inv.Component(inventory.Kubelet)
	anonymous, mode := true, "AlwaysAllow"
	if c.Setting("config").Value != "" || c.Setting("config-dir").Value != "" {
		anonymous, mode = false, "Webhook"
	}
	if setting := c.Setting("anonymous-auth"); setting.Value != "" {
		anonymous = isOn(setting)
	}
	mode = cmp.Or(c.Setting("authorization-mode").Value, mode)
	whole, reason := isWhole(n.inv, c)
	switch {
	case !whole:
		return verification{verdict: VerdictUnknown, reason: "and " + reason}
	case !anonymous:
		return verification{verdict: VerdictBroken, fault: faultAbsent, reason: "which refuses those"}
	case mode == "AlwaysAllow":
		return verification{verdict: VerdictUnverified, reason: "which lets everybody do everything"}
	}
	return verification{verdict: VerdictUnknown, reason: "and what those may do is in the cluster"}
}

// kubeletServer is what the kubelet of this node serves.
func (n *node) kubeletServer() credentials {
	for _, ref := range n.inv.References {
		if ref.Component == "kubelet" && ref.Holds == inventory.HoldsCertificate && (ref.Role == inventory.RoleKubeletServing || ref.Role == inventory.RoleKubeletSelf) {
			c := n.presentedBy(ref, true)
			if ref.Optional && !n.inv.Files[ref.Path].Exists() && ref.Role == inventory.RoleKubeletSelf {
				c = credentials{unseen: true}
			}
			return n.asServed(c, inventory.Kubelet, ref, "")
		}
	}
	return credentials{unseen: true}
}

// frontProxyEdges is the connection of the API server to extension API servers,
// in which it speaks for others.
func (n *nodeAudit) frontProxyEdges() []edge {
	cert, ok := n.inv.ReferenceOf("kube-apiserver", "proxy-client-cert-file")
	if !ok {
		return nil
	}
	r := roleNamed(inventory.RoleFrontProxyClient)
	ca, hasCA := n.inv.ReferenceOf("kube-apiserver", "requestheader-client-ca-file")
	l := edge{role: *r, dialled: cert.Origin}
	l.Client, l.Server = "kube-apiserver", "extension API servers"
	offered := n.presentedBy(cert, true)
	l.serverSide = verification{verdict: VerdictUnknown, reason: "the APIService objects, which say how they are verified, are in the cluster"}
	trust := n.trustedBy(ca, hasCA, "")
	if !hasCA {
		trust = n.refusing(inventory.APIServer, "requestheader-client-ca-file", "--requestheader-client-ca-file is not set: extension API servers do not believe the API server for whom it speaks")
		l.role.impact = Warning // there may be none of them
	}
	l.clientSide = n.verifyClient(offered, trust)
	l.authorization, l.Identity = n.identify(r, offered), identityOf(offered)
	return []edge{l}
}

// signingEdges says whether what the controller-manager signs is accepted by the
// API server. Nobody sends intermediates along, so the API server's bundle must
// hold the very certificate that signs.
func (n *nodeAudit) signingEdges() []edge {
	var edges []edge
	seen := map[string]bool{}
	for _, ref := range n.inv.References {
		if ref.Holds != inventory.HoldsSigner || seen[ref.Path] || !signsClients(ref.Name) {
			continue
		}
		seen[ref.Path] = true
		l := edge{dialled: ref.Origin, component: ref.Component}
		l.Client, l.Server = "certificates signed by kube-controller-manager", "kube-apiserver"
		l.serverSide, l.authorization = verification{verdict: VerdictNone}, verification{verdict: VerdictNone}
		l.clientSide = n.signerTrusted(ref)
		edges = append(edges, l)
	}
	return edges
}

// signsClients reports whether a signer's certificates are shown to the API
// server.
func signsClients(flag string) bool { return !strings.Contains(flag, "kubelet-serving") }

func (n *nodeAudit) signerTrusted(ref inventory.Reference) verification {
	a := n.apiServerClients("")
	c := n.presentedBy(ref, true)
	h := verification{verdict: VerdictBroken, at: parsers.Origin{Path: ref.Path, Field: ref.Label()}, paths: slices.Concat(c.paths, a.paths)}
	switch {
	case c.unset.flag != "":
		h.fault, h.reason, h.at, h.unset = faultAbsent, c.missing, c.at, c.unset
	case len(c.chain) > 1:
		h.fault, h.reason = faultAbsent, fmt.Sprintf("%s holds %d certificates, and kube-controller-manager signs with one", ref.Path, len(c.chain))
	case c.unseen:
		return verification{verdict: VerdictUnknown, reason: c.reason}
	case a.refuses:
		h.fault, h.reason, h.at, h.unset = faultAbsent, a.reason, a.at, a.unset
	case a.unseen || a.none:
		return verification{verdict: VerdictUnknown, reason: a.reason}
	case c.missing != "" || a.missing != "":
		h.fault, h.reason = faultAbsent, cmp.Or(c.missing, a.missing)
	default:
		h.by[1] = a.certs
		a.certs = n.lasting(a.certs)
		h.verifySigner(c.chain[0], a, n.now)
	}
	return h
}

// verifySigner judges whether what a certificate signs verifies with a bundle: it
// must be in it, for nobody sends it along, and there it must be a CA, within its
// dates.
func (h *verification) verifySigner(signer *x509.Certificate, a anchors, now time.Time) {
	h.fault = faultUntrusted
	h.reason = fmt.Sprintf("the CA that signs is not in %s: the API server accepts nothing that it signs", a.at.Path)
	for _, ca := range a.certs {
		switch {
		case string(ca.RawSubject) != string(signer.RawSubject) || string(ca.RawSubjectPublicKeyInfo) != string(signer.RawSubjectPublicKeyInfo):
		case !maySign(ca):
			h.reason = fmt.Sprintf("the certificate that signs may not do so by what stands in %s: the API server accepts nothing that it signs", a.at.Path)
		case now.Before(ca.NotBefore) || now.After(ca.NotAfter):
			h.fault = faultTime
			h.reason = fmt.Sprintf("the CA that signs is out of its dates in %s: the API server accepts nothing that it signs", a.at.Path)
		default:
			h.verdict, h.fault, h.reason = VerdictOK, "", ""
			return
		}
	}
}

// tokenEdges says whether the tokens of service accounts are accepted.
func (n *node) tokenEdges() []edge {
	verifiers, files := n.verifyingKeys()
	u := n.unset(inventory.APIServer, tokenVerifierFlag)
	var edges []edge
	seen := map[string]bool{}
	for _, ref := range n.inv.References {
		if ref.Holds != inventory.HoldsTokenKey || ref.Component == "kubeadm" || seen[ref.Component+ref.Path] {
			continue
		}
		seen[ref.Component+ref.Path] = true
		l := edge{dialled: ref.Origin, component: ref.Component}
		l.Client, l.Server = "service account tokens of "+ref.Component, "kube-apiserver"
		l.serverSide, l.authorization = verification{verdict: VerdictNone}, verification{verdict: VerdictNone}
		l.clientSide = verification{verdict: VerdictOK, at: ref.Place(), paths: append([]string{ref.Path}, files...)}
		keys := n.inv.Material(ref).Keys
		i := slices.IndexFunc(keys, func(k parsers.Key) bool { return k.Private })
		switch {
		case i < 0 && n.leftOut(ref):
			l.clientSide.verdict, l.clientSide.reason = VerdictUnknown, n.unseen(ref)
		case len(verifiers) == 0 && n.verifiesNoTokens():
			l.clientSide.verdict, l.clientSide.fault, l.clientSide.reason, l.clientSide.unset = VerdictBroken, faultAbsent, noTokenVerifier, u
		case len(verifiers) == 0:
			l.clientSide.verdict, l.clientSide.reason = VerdictUnknown, "the keys that verify are not in view"
		case i < 0 && ref.Hidden:
			l.clientSide.verdict, l.clientSide.reason = VerdictUnknown, n.unseen(ref)
		case i < 0:
			l.clientSide.verdict, l.clientSide.fault, l.clientSide.reason = VerdictBroken, faultAbsent, n.missingReason(ref, "no private key can be read")
		case !slices.Contains(verifiers, keys[i].PublicKeySHA256):
			l.clientSide.verdict, l.clientSide.fault, l.clientSide.reason, l.clientSide.unset = VerdictBroken, faultUntrusted, "the signing key is not among the keys that verify", u
		}
		edges = append(edges, l)
	}
	return edges
}

// outboundEdges are the calls to webhooks, audit sinks and token issuers that
// the configuration names. Their other ends are not on the node.
func (n *nodeAudit) outboundEdges() []edge {
	var edges []edge
	seen := map[string]bool{}
	for _, ref := range n.inv.References {
		k, ok := n.inv.Kubeconfigs[ref.Path]
		if ref.Holds != inventory.HoldsKubeconfig || ref.Role != inventory.RoleOutbound || !ok || seen[ref.Path] {
			continue
		}
		seen[ref.Path] = true
		for _, context := range contextsOf(k, roleNamed(inventory.RoleOutbound)) {
			c, _ := k.Cluster(context.Cluster)
			u, _ := k.User(context.User)
			l := edge{role: *roleNamed(inventory.RoleOutbound), dialled: c.Server.Origin}
			l.Client, l.Server, l.Address = ref.Component, path.Base(ref.Path)+" "+c.Name, c.Server.Value
			l.serverSide = n.verifyServer(credentials{unseen: true}, n.serverTrust(c, credentials{unseen: true}), to(parsers.HostOf(c.Server.Value)))
			l.clientSide, l.authorization = verification{verdict: VerdictNone}, verification{verdict: VerdictNone}
			if offered := n.userCredentials(u, &l.role); !offered.none {
				l.clientSide = n.verifyClient(offered, anchors{unseen: true, reason: "the server is not in view"})
				l.Identity = identityOf(offered)
			}
			edges = append(edges, l)
		}
	}
	if issuer := n.inv.Setting("kube-apiserver", "oidc-issuer-url"); issuer.Value != "" {
		l := edge{role: *roleNamed(inventory.RoleOutbound), dialled: issuer.Origin}
		l.Client, l.Server, l.Address = "kube-apiserver", "OIDC issuer", issuer.Value
		ca, ok := n.inv.ReferenceOf("kube-apiserver", "oidc-ca-file")
		trust := anchors{unseen: true, reason: hostRoots}
		if ok {
			trust = n.trustedBy(ca, true, "")
		}
		l.serverSide = n.verifyServer(credentials{unseen: true}, trust, to(parsers.HostOf(issuer.Value)))
		l.clientSide, l.authorization = verification{verdict: VerdictNone}, verification{verdict: VerdictNone}
		edges = append(edges, l)
	}
	return edges
}
