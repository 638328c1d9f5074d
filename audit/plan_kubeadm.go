package audit

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// kubeadmValue matches what is written into kubeadm's configuration as it stands:
// names, addresses, ranges, paths.
var kubeadmValue = regexp.MustCompile(`^[A-Za-z0-9*][A-Za-z0-9._:/*@-]*$|^/[A-Za-z0-9._/-]*$`)

// kubeadmFacts are what kubeadm has to be given so that it issues for this node and
// not for what the host's name and default route suggest.
type kubeadmFacts struct {
	address, port, name, endpoint, domain, services, cluster, algorithm string
	// apiServer, etcdServer and etcdPeer are the alternative names of the API server's
	// certificate and of etcd's two.
	apiServer, etcdServer, etcdPeer []string
	// external: etcd is not kubeadm's.
	external bool
}

// kubeadmFacts collects them; ok is false where one that matters is not known or
// cannot be written.
func (n *node) kubeadmFacts() (f kubeadmFacts, ok bool) {
	f = kubeadmFacts{address: n.inv.AdvertiseAddress(), name: n.ownName(), port: "6443", services: n.inv.Setting(inventory.APIServer, "service-cluster-ip-range").Value,
		domain: first(n.facts.values["clusterDomain"]), cluster: "kubernetes", algorithm: "RSA-2048"}
	if port := n.inv.Setting(inventory.APIServer, "secure-port").Value; port != "" {
		f.port = port
	}
	if cluster, _, found := n.inv.Kubeconfigs[inventory.DefaultKubeconfigDir+"/kubelet.conf"].Current(); found {
		if host := parsers.HostOf(cluster.Server.Value); host != "" && host != f.address {
			f.endpoint = strings.TrimPrefix(cluster.Server.Value, "https://")
		}
		if kubeadmValue.MatchString(cluster.Name) && cluster.Name != "default-cluster" {
			f.cluster = cluster.Name
		}
	}
	f.apiServer = n.names(inventory.RoleAPIServerServing, n.facts.values["serverHosts"])
	f.etcdServer = n.names(inventory.RoleEtcdServing, n.facts.values["etcdClientHosts"])
	f.etcdPeer = n.names(inventory.RoleEtcdPeer, n.facts.values["etcdPeerHosts"])
	f.external = n.externalEtcd()
	if e := n.first(inventory.RoleAPIServerServing, inventory.RoleEtcdServing, inventory.RoleAPIServerKubelet); e != nil {
		f.algorithm = kubeadmAlgorithm(keyAlgorithm(e.cert.Certificate))
	}
	for _, v := range []string{f.address, f.name, f.port, f.services, f.domain, f.cluster} {
		if !slices.ContainsFunc(strings.Split(v, ","), kubeadmValue.MatchString) {
			return f, false
		}
	}
	return f, f.endpoint == "" || kubeadmValue.MatchString(f.endpoint) || strings.HasPrefix(f.endpoint, "[")
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// first returns the first entry with a certificate of one of some roles.
func (n *node) first(roles ...string) *entry {
	for _, r := range roles {
		for e := range n.decoded(func(e *entry) bool { return e.role.name == r && e.index == 0 }) {
			return e
		}
	}
	return nil
}

// names are those that a certificate of a role has and those that it should have.
func (n *node) names(role string, more []string) []string {
	var out []string
	if e := n.first(role); e != nil {
		out = union(out, sans(e.cert.Certificate))
		out = union(out, n.missingHosts(e))
	}
	out = union(out, more)
	return slices.DeleteFunc(out, func(name string) bool { return !kubeadmValue.MatchString(name) && !parsers.IsAddress(name) })
}

// kubeadmAlgorithm is kubeadm's word for a key (kubeadm.k8s.io/v1beta4
// encryptionAlgorithm).
func kubeadmAlgorithm(key string) string {
	switch key {
	case "RSA-3072", "RSA-4096":
		return key
	case "ECDSA-P256", "ECDSA-P384":
		return key
	}
	return "RSA-2048"
}

// lines are the configuration for a folder of certificates, in which $A, $V and $E
// stand for what the version of kubeadm wants.
func (f kubeadmFacts) lines(dir string) []string {
	out := []string{
		"apiVersion: kubeadm.k8s.io/$A", "kind: InitConfiguration",
		"localAPIEndpoint: {advertiseAddress: " + quote(f.address) + ", bindPort: " + f.port + "}",
		"nodeRegistration: {name: " + quote(f.name) + `, criSocket: "unix:///run/containerd/containerd.sock"}`,
		"---",
		"apiVersion: kubeadm.k8s.io/$A", "kind: ClusterConfiguration", "kubernetesVersion: $V", "$E",
		"clusterName: " + quote(f.cluster), "certificatesDir: " + quote(dir),
		"networking: {serviceSubnet: " + quote(f.services) + ", dnsDomain: " + quote(f.domain) + "}",
	}
	if f.endpoint != "" {
		out = append(out, "controlPlaneEndpoint: "+quote(f.endpoint))
	}
	out = append(out, "apiServer: {certSANs: "+quoteAll(f.apiServer)+"}")
	if f.external {
		return append(out, `etcd: {external: {endpoints: ["https://127.0.0.1:2379"]}}`)
	}
	return append(out, "etcd: {local: {dataDir: /var/lib/etcd, serverCertSANs: "+quoteAll(f.etcdServer)+", peerCertSANs: "+quoteAll(f.etcdPeer)+"}}")
}

func quote(s string) string { return `"` + s + `"` }

func quoteAll(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// configure adds the steps that write kubeadm's configuration for a folder of
// certificates into a file of a stage, and returns the file.
func (p *planner) configure(f kubeadmFacts, s *stage, dir, file string, of work) string {
	p.needs("kubeadm")
	p.add(PhaseMake, of, "ask kubeadm which form of configuration it reads", "V=$(kubeadm version -o short)",
		"case $V in v1.2[01].*) A=v1beta2 E= ;; v1.2[2-9].*|v1.30.*) A=v1beta3 E= ;; *) A=v1beta4 E='encryptionAlgorithm: "+f.algorithm+"' ;; esac")
	config := s.path(file)
	s.leave(config)
	p.add(PhaseMake, of, "write "+file+", from what the node is configured with", hereDocument(words(config), f.lines(dir)))
	return config
}

// reissueKubeadm adds what has kubeadm issue one of its files from its configuration.
func (p *planner) reissueKubeadm(k inventory.KubeadmFile, of work) bool {
	f, ok := p.kubeadmFacts()
	if !ok {
		return false
	}
	s := p.stageFor(p.inv.CertificatesDir, of, "etcd")
	config := p.configure(f, s, s.dir, "kubeadm.yaml", of)
	ca, _ := k.SignedBy()
	var links []string
	for _, name := range []string{ca.Path, ca.Pair} { // another CA without its key would be reason to refuse
		link := "ln -s -- " + words(p.certPath(name), s.path(name))
		if i := p.signingIndex(ca); name == ca.Path && i > 0 {
			link = fmt.Sprintf("sed -n %d,/-----END/p %s > %s", p.inv.Materials[p.certPath(name)].Certificates[i].Origin.Line, words(p.certPath(name)), words(s.path(name)))
		}
		links = append(links, link)
		s.leave(s.path(name))
	}
	p.add(PhaseMake, of, "show kubeadm the CA there", links...)
	place, made, verify := p.inv.KubeadmPath(k), s.path(k.Path), "openssl verify -CAfile "+words(p.inv.KubeadmPath(ca))
	issue := "kubeadm init phase " + k.Phase + " --config " + words(config)
	p.needs("openssl")
	p.changes(place)
	if k.Holds == inventory.HoldsKubeconfig {
		dir := p.stageFor(path.Dir(place), of)
		made = dir.path(k.Path)
		p.add(PhaseMake, of, "have kubeadm issue "+place, issue+" --kubeconfig-dir "+words(dir.dir)+" > /dev/null", likeOld(place, made))
		p.add(PhaseCheck, of, "check what was issued for "+place, "sed -n 's/.*client-certificate-data: //p' "+words(made)+" | openssl base64 -A -d | "+verify+" > /dev/null")
		p.add(PhasePlace, of, "put "+place+" in place", p.putFile(made, place))
		return true
	}
	key := p.certPath(k.Pair)
	p.changes(key)
	p.add(PhaseMake, of, "have kubeadm issue "+place, issue+" > /dev/null", likeOld(place, made), likeOld(key, s.path(k.Pair)))
	p.add(PhaseCheck, of, "check what was issued for "+place, verify+" "+words(made)+" > /dev/null")
	p.add(PhasePlace, of, "put "+place+" and its key in place", put(made, place, s.path(k.Pair), key))
	return true
}

// renewKubeadm adds what has kubeadm renew certificates, with the names that they
// have.
func (p *planner) renewKubeadm(files []renewal, of work) bool {
	f, ok := p.kubeadmFacts()
	if !ok {
		return false
	}
	config := p.configure(f, p.stageFor(p.inv.CertificatesDir, of), p.inv.CertificatesDir, "renew.yaml", of)
	for _, r := range files {
		p.changes(p.inv.KubeadmPath(r.file))
		if r.file.Pair != "" {
			p.changes(p.certPath(r.file.Pair))
		}
	}
	options := " --config " + words(config)
	if p.inv.CertificatesDir != inventory.DefaultCertificatesDir {
		options += " --cert-dir " + words(p.inv.CertificatesDir) // once more, for who takes the command and leaves the file
	}
	if p.isEvery(files) {
		p.add(PhasePlace, of, "have kubeadm renew all certificates", "kubeadm certs renew all"+options+" > /dev/null")
		p.restart(inventory.Etcd, inventory.APIServer, inventory.ControllerManager, inventory.Scheduler)
		return true
	}
	for _, r := range files {
		p.add(PhasePlace, work{findings: r.findings}, "have kubeadm renew "+r.file.Name, "kubeadm certs renew "+r.file.Name+options+" > /dev/null")
	}
	return true
}

// isEvery reports whether some files are all that kubeadm renews on the node.
func (p *planner) isEvery(files []renewal) bool {
	for _, k := range kubeadmCertificates() {
		if _, err := p.kubeadmCertificate(k); err == nil && !k.IsCA() && !slices.ContainsFunc(files, func(r renewal) bool { return r.file.Path == k.Path }) {
			return false
		}
	}
	return len(files) > 1
}
