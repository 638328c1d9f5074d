package inventory

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"certaudit/parsers"
)

// Object is what a Kubernetes object says beside the certificates in it. The
// ones that hold nothing which matters to a certificate are not kept.
type Object struct {
	Kind      string         `json:"kind"`
	Namespace string         `json:"namespace,omitempty"`
	Name      string         `json:"name"`
	Origin    parsers.Origin `json:"origin"`
	// Type of a Secret.
	Type string `json:"type,omitempty"`
	// Targets are the services that the API server calls because of the object.
	Targets []Target `json:"targets,omitempty"`
	// Asks is what a certificate should be according to the object; nil for nothing.
	Asks *Asks `json:"asks,omitempty"`
	// Conditions are those of its status.
	Conditions []Condition `json:"conditions,omitempty"`
	// Etcd is what kubeadm's configuration says of etcd: [EtcdExternal] or
	// [EtcdLocal]; empty for any other object.
	Etcd string `json:"etcd,omitempty"`
	// Settings of a component's configuration that the object carries, by the name
	// of the field or of the flag that says the same.
	Settings map[string]parsers.Text `json:"settings,omitempty"`
	// Clusters are those of the kubeconfigs that stand in its fields.
	Clusters []parsers.KubeCluster `json:"clusters,omitempty"`
	// Binding is what a ClusterRoleBinding binds; nil for any other object.
	Binding *Binding `json:"binding,omitempty"`
}

// Binding gives a role of the whole cluster to users and groups.
type Binding struct {
	Role string `json:"role"`
	// Subjects are written "User jane", "Group system:masters".
	Subjects []string `json:"subjects,omitempty"`
}

// What kubeadm's configuration says of etcd.
const (
	// EtcdLocal: kubeadm runs a member beside each API server.
	EtcdLocal = "local"
	// EtcdExternal: somebody else runs it.
	EtcdExternal = "external"
)

// Target is a service that the API server calls with TLS.
type Target struct {
	// Name is the webhook's; empty where the object itself is the only one.
	Name string `json:"name,omitempty"`
	// Origin is the field that names the service.
	Origin    parsers.Origin `json:"origin"`
	Namespace string         `json:"namespace"`
	Service   string         `json:"service"`
	// Host is that of the URL which is called in place of a service; "" for none.
	// Namespace and Service are set where it is the name of one.
	Host string `json:"host,omitempty"`
	// Bundle is the field with the CA that it is verified with; zero for none,
	// which means the system's roots of the API server.
	Bundle parsers.Origin `json:"bundle,omitzero"`
	// Optional: a call that fails is passed over (failurePolicy Ignore).
	Optional bool `json:"optional,omitempty"`
	// Unverified: insecureSkipTLSVerify is set.
	Unverified bool `json:"unverified,omitempty"`
	// Injected names the Secret or the cert-manager Certificate that the bundle is
	// kept equal to: "Secret ns/name"; empty for none.
	Injected string `json:"injected,omitempty"`
	// Injector is the annotation because of which something else fills in the
	// bundle; empty for none.
	Injector string `json:"injector,omitempty"`
}

// DNSName is how the API server calls a service (k8s.io/apiserver
// pkg/util/webhook, kubernetes staging kube-aggregator).
func (t Target) DNSName() string {
	if t.Host != "" {
		return t.Host
	}
	return t.Service + "." + t.Namespace + ".svc"
}

// Asks is what an object wants a certificate to be.
type Asks struct {
	// Secret is the name of the Secret that it is kept in.
	Secret      string   `json:"secret,omitempty"`
	CommonName  string   `json:"commonName,omitempty"`
	DNSNames    []string `json:"dnsNames,omitempty"`
	IPAddresses []string `json:"ipAddresses,omitempty"`
	// PublicKeySHA256 is as of parsers.Key.
	PublicKeySHA256 string `json:"publicKeySHA256,omitempty"`
	// MaxSeconds is the longest lifetime; 0 for no limit.
	MaxSeconds int64 `json:"maxSeconds,omitempty"`
	// Renewal is when it should be renewed; zero for unknown.
	Renewal time.Time `json:"renewal,omitzero"`
}

// Condition is one of an object's status.
type Condition struct {
	Origin  parsers.Origin `json:"origin"`
	Type    string         `json:"type"`
	Status  string         `json:"status"`
	Reason  string         `json:"reason,omitempty"`
	Message string         `json:"message,omitempty"`
}

// Label is "Secret kube-system/tls", as [Reference.Component] has it.
func (o Object) Label() string { return ObjectLabel(o.Kind, o.Namespace, o.Name) }

// Holder identifies the object: one line may hold several.
func (o Object) Holder() string {
	return fmt.Sprintf("%s:%d %s", o.Origin.Path, o.Origin.Line, o.Label())
}

// ObjectLabel names an object: "Secret kube-system/tls", "Node cp-1".
func ObjectLabel(kind, namespace, name string) string {
	return strings.TrimSpace(kind + " " + path.Join(namespace, name))
}

// GatherObjects reads Kubernetes objects as kubectl get prints them, JSON or
// YAML, from a stream of any length; or certificates and keys in PEM or DER, as
// long as a file may be. name is shown in place of a path. progress, unless nil,
// is called with the number of objects read so far. It fails when r does.
func GatherObjects(name string, r io.Reader, progress func(objects int)) (*Inventory, error) {
	s := newScanner(newGatherer(nil), "")
	if progress != nil {
		s.progress = func(p Progress) { progress(p.Files) }
	}
	b := bufio.NewReaderSize(r, 4096)
	start, err := b.Peek(4096)
	if len(start) == 0 && err != io.EOF {
		return nil, err
	}
	s.inv.Files[name], s.inv.Packed = File{Path: name, State: Readable}, []string{name}
	if !isMaterial(name, start) && !parsers.IsDER(start) {
		return s.inv, s.objects(name, b)
	}
	data, err := io.ReadAll(io.LimitReader(b, MaxFileBytes+1))
	defer clear(data)
	if len(data) > MaxFileBytes {
		s.lose(name, parsers.KindLimit, fmt.Sprintf("is larger than %d MiB", MaxFileBytes>>20))
		return s.inv, nil
	}
	s.found(name, data)
	return s.inv, err
}

// Join adds what another inventory holds to this one: a node's and that of
// objects of its cluster, so that they can be compared. It fails if both speak of
// one file.
func (inv *Inventory) Join(other *Inventory) error {
	for name := range other.Files {
		if _, taken := inv.Files[name]; taken {
			return fmt.Errorf("%q is a file of the node and one of the given paths too; give the path relative to another folder", name)
		}
	}
	for name, f := range other.Files {
		inv.Files[name] = f
	}
	for name, m := range other.Materials {
		inv.Materials[name] = m
	}
	for name, k := range other.Kubeconfigs {
		inv.Kubeconfigs[name] = k
	}
	inv.References = append(inv.References, other.References...)
	inv.Objects = append(inv.Objects, other.Objects...)
	inv.Nodes = append(inv.Nodes, other.Nodes...)
	inv.Packed = append(inv.Packed, other.Packed...)
	inv.Problems = append(inv.Problems, other.Problems...)
	return nil
}

// maxObjectProblems bounds how many problems are reported of one stream.
const maxObjectProblems = 1000

// objects adds what the objects of a stream hold. A template that was not
// rendered is no object yet.
func (s *scanner) objects(name string, r io.Reader) error {
	problems, objects := 0, 0
	return parsers.ReadObjects(name, r, func(o parsers.Objects) {
		for _, p := range o.Problems {
			switch problems++; {
			case problems == maxObjectProblems:
				s.lost(ComponentFile, parsers.Problem{Origin: p.Origin, Kind: parsers.KindLimit, Detail: fmt.Sprintf("has more than %d problems; the others are left out", maxObjectProblems)})
			case problems > maxObjectProblems:
			case p.Kind == parsers.KindSyntax && bytes.Contains(o.Text, []byte("{{")):
				p.Kind = parsers.KindUnsupported
				s.noted(ComponentFile, p)
			default:
				s.lost(ComponentFile, p)
			}
		}
		for _, d := range o.Documents {
			for _, e := range d.Elements() {
				s.object(name, e)
			}
			objects++
			if s.here == "" {
				s.tell(Progress{Files: objects})
			}
		}
	})
}

// object adds one object.
func (s *scanner) object(name string, d parsers.Document) {
	if k, ok := d.Kubeconfig(); ok {
		s.lost(ComponentFile, k.Problems...)
		s.inv.Kubeconfigs[name] = k
		s.kubeconfigUsers(ComponentKubeconfig, parsers.Origin{Path: name}, k)
		s.kubeconfigFiles(name, k)
		return
	}
	o := Object{Kind: d.Kind(), Namespace: d.First("metadata.namespace").Value, Name: d.First("metadata.name").Value,
		Origin: parsers.Origin{Path: name, Line: d.Line()}}
	if o.Kind == "CertificateSigningRequest" {
		s.noted(o.Label(), parsers.Problem{Origin: o.Origin, Kind: parsers.KindUnsupported, Detail: "is a request for a certificate; certaudit csr judges it"})
		return
	}
	if n, ok := d.NodeObject(); ok {
		s.nodeObject(n)
	}
	if o.Kind == "Secret" {
		o.Type = d.First("type").Value
	}
	fields := d.Scalars()
	before := len(s.inv.References)
	for _, t := range fields {
		s.field(&o, t)
	}
	if read := objectReaders[o.Kind]; read != nil {
		read(&o, d, byField(fields))
	}
	if o.Kind == "Secret" {
		leavesFirst(o, s.inv.References[before:])
	}
	isTLS := o.Type == typeTLS || o.Kind == "Secret" && len(s.inv.References) > before
	if isTLS || len(o.Targets) > 0 || o.Asks != nil || len(o.Settings)+len(o.Clusters) > 0 || o.Binding != nil {
		s.inv.Objects = append(s.inv.Objects, o)
	}
}

// maxNodeObjects bounds the Node objects that are kept: Kubernetes is made for clusters of
// 5000 (https://kubernetes.io/docs/setup/best-practices/cluster-large/).
const maxNodeObjects = 20000

// nodeObject adds a Node object.
func (s *scanner) nodeObject(n parsers.NodeObject) {
	switch {
	case n.Name == "": // a template, or what the API server would refuse
	case len(s.inv.Nodes) < maxNodeObjects:
		s.inv.Nodes = append(s.inv.Nodes, n)
	case s.once("", "nodes"):
		s.lost(ComponentFile, parsers.Problem{Origin: n.Origin, Kind: parsers.KindLimit,
			Detail: fmt.Sprintf("is Node object %d of the input; it and the others were left out", maxNodeObjects+1)})
	}
}

// typeTLS is the type of Secrets that hold a certificate beside its key.
const typeTLS = "kubernetes.io/tls"

// fieldTexts are the scalars of an object by their field.
type fieldTexts map[string]parsers.Text

func byField(texts []parsers.Text) fieldTexts {
	m := make(fieldTexts, len(texts))
	for _, t := range texts {
		m[t.Origin.Field] = t
	}
	return m
}

// field adds what a field holds, if that is certificates, keys or a kubeconfig.
// Of the metadata nothing is taken: kubectl's last-applied-configuration says
// once more what the object said before.
func (s *scanner) field(o *Object, t parsers.Text) {
	if strings.HasPrefix(t.Origin.Field, "metadata.") || t.Value == "" {
		return
	}
	data, err := fieldData(o.Kind, t)
	defer clear(data)
	switch {
	case err != nil:
		s.lost(o.Label(), parsers.Problem{Origin: t.Origin, Kind: parsers.KindSyntax, Detail: err.Error()})
	case data == nil:
	case isKubeconfig(data):
		s.nested(o, t.Origin, data)
	case isText(t.Origin.Field, data):
		for _, part := range parsers.ParseText(t.Origin, data) {
			s.part(o.Label(), o.Label(), t.Origin, part)
		}
	default:
		s.embedded(*o, t.Origin, data)
	}
}

// isText reports whether a field holds a text with PEM somewhere in it: it is not
// called after a certificate or key, nor does it begin as one.
func isText(field string, data []byte) bool {
	return !isNamed(FieldKey(field)) && !isMaterial("", data) && bytes.Contains(data, []byte("-----BEGIN "))
}

// isNamed reports whether the key of a field says that it holds certificates or keys.
func isNamed(key string) bool {
	return slices.Contains(foundSuffixes, path.Ext(key)) || slices.Contains(bundleKeys, key)
}

// isBase64Field reports whether the API has a field as bytes, in base64
// (k8s.io/api core/v1 Secret and ConfigMap, admissionregistration/v1,
// apiregistration/v1, apiextensions/v1).
func isBase64Field(kind, field string) bool {
	top, _, _ := strings.Cut(strings.ReplaceAll(field, "[", "."), ".")
	return kind == "Secret" && top == "data" || kind == "ConfigMap" && top == "binaryData" ||
		field == "caBundle" || strings.HasSuffix(field, ".caBundle")
}

// fieldData returns the bytes that a field holds, nil where they are neither
// certificates nor keys nor a kubeconfig. The error never repeats them.
func fieldData(kind string, t parsers.Text) ([]byte, error) {
	key := FieldKey(t.Origin.Field)
	named := isNamed(key)
	switch {
	case strings.Contains(t.Value, "-----BEGIN "):
		return []byte(t.Value), nil
	case !isBase64Field(kind, t.Origin.Field):
		if kind == "ConfigMap" && (named || isKubeconfig([]byte(t.Value))) {
			return []byte(t.Value), nil
		}
		return pemOf(t.Value), nil
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(t.Value))
	switch {
	case err != nil:
		clear(data)
		if !named {
			return nil, nil
		}
		return nil, errors.New(parsers.NotBase64(t.Value, err))
	case named, bytes.Contains(data, []byte("-----BEGIN ")), isKubeconfig(data), parsers.IsKeystore(data):
		return data, nil
	}
	clear(data)
	return nil, nil
}

// FieldKey is the last key of a field: "tls.crt" of data["tls.crt"].
func FieldKey(field string) string {
	if i := strings.LastIndex(field, `["`); i >= 0 && strings.HasSuffix(field, `"]`) {
		if key, err := strconv.Unquote(field[i+1 : len(field)-1]); err == nil {
			return key
		}
	}
	return field[strings.LastIndexByte(field, '.')+1:]
}

// isKubeconfig reports whether a text looks like a kubeconfig, or a template of one:
// with certificates, or with the three parts that each has.
func isKubeconfig(data []byte) bool {
	has := func(word string) bool { return bytes.Contains(data, []byte(word)) }
	return has("certificate-authority-data") || has("client-certificate-data") ||
		has("clusters") && has("contexts") && has("current-context") && has("Config")
}

// pemOf returns the PEM text in a scalar that may be base64 of it, or nil.
func pemOf(value string) []byte {
	trimmed := strings.TrimSpace(value)
	if !strings.HasPrefix(trimmed, base64.StdEncoding.EncodeToString([]byte("-----BEGI"))) {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(trimmed), ""))
	if err != nil {
		return nil
	}
	return data
}

// bundleKeys are the keys and fields that hold what others are verified with.
var bundleKeys = []string{"caBundle", "trustBundle", "ca.crt", "ca-bundle.crt", "ca.pem", "client-ca-file", "requestheader-client-ca-file"}

// embedded adds the material of one field.
func (s *scanner) embedded(o Object, at parsers.Origin, data []byte) {
	key := FieldKey(at.Field)
	parts := parsers.ParseFound(at, data, &s.effort)
	if s.locked(o.Label(), parts[0]) {
		for _, part := range parts[1:] {
			s.part(o.Label(), o.Label(), at, part)
		}
		return
	}
	if isTLSHalf(o, key) {
		parts = []parsers.Found{{Material: parsers.ParseMaterial(at, data)}}
	} else if key != "caBundle" {
		parts[0].Material = promised(parts[0].Material, key)
	}
	for _, part := range parts[1:] {
		s.part(o.Label(), o.Label(), at, part)
	}
	m := s.shared(parts[0].Material)
	if !s.foreign(o.Label(), at, m) && !isTLSHalf(o, key) {
		return
	}
	ref := Reference{Origin: at, Embedded: &m, Object: o.Label(), Pair: o.Holder() + " " + stem(key), CopyOf: copyOf(o, at.Field)}
	refs := fileReferences(o.Label(), m, ref)
	isBundle := slices.Contains(bundleKeys, key)
	for i := range refs {
		switch r := &refs[i]; {
		case len(m.Certificates) == 0 && len(refs) == 1 && path.Ext(key) == ".key":
			r.Holds = HoldsPrivateKey
		case isBundle && r.Holds != HoldsPrivateKey:
			r.Holds, r.Role = HoldsBundle, RoleFileCA
			if r.CopyOf != "" || len(m.Certificates) > 0 && !m.Certificates[0].IsCA {
				r.Role = RoleOtherCA // shown once; and a server's own certificate may stand here
			}
		}
	}
	s.inv.refer(refs...)
}

// isTLSHalf reports whether a key of an object holds one of the halves of a TLS
// Secret, which are PEM and nothing else.
func isTLSHalf(o Object, key string) bool {
	return o.Kind == "Secret" && o.Type == "kubernetes.io/tls" && (key == "tls.crt" || key == "tls.key")
}

// nested adds a kubeconfig that stands in a field.
func (s *scanner) nested(o *Object, at parsers.Origin, data []byte) {
	docs, problems := parsers.ParseDocuments(at.Path, data)
	for _, p := range problems {
		p.Origin = at
		if strings.Contains(FieldKey(at.Field), "kubeconfig") {
			s.lost(o.Label(), p)
			continue
		}
		p.Kind, p.Detail = parsers.KindUnsupported, "speaks of a kubeconfig and holds none that can be read: "+p.Detail
		s.noted(o.Label(), p)
	}
	for _, d := range docs {
		k, ok := d.Kubeconfig()
		if !ok {
			continue
		}
		for _, p := range k.Problems {
			p.Origin = inside(at, p.Origin)
			s.lost(o.Label(), p)
		}
		for _, c := range k.Clusters {
			o.Clusters = append(o.Clusters, nestedCluster(at, c))
		}
		before := len(s.inv.References)
		s.kubeconfigUsers(o.Label(), at, k)
		for i := before; i < len(s.inv.References); i++ {
			ref := &s.inv.References[i]
			ref.Object = o.Label()
			if ref.Holds == HoldsBundle && copyOf(*o, at.Field) != "" {
				ref.CopyOf, ref.Role = copyOf(*o, at.Field), RoleOtherCA
			}
		}
	}
}

// nestedCluster is a cluster of a kubeconfig that stands in a field, with the
// places in the stream.
func nestedCluster(at parsers.Origin, c parsers.KubeCluster) parsers.KubeCluster {
	c.Origin, c.Server.Origin = inside(at, c.Origin), inside(at, c.Server.Origin)
	if c.CAFile.Value != "" {
		c.CAFile.Origin = inside(at, c.CAFile.Origin)
	}
	if !c.CAData.IsZero() {
		c.CAData = parsers.Embedded{Origin: inside(at, c.CAData.Origin)} // the reference holds it
	}
	return c
}

// inside is the place of something in a document that stands in a field. Lines
// count in the stream, so that of the field is taken.
func inside(at, inner parsers.Origin) parsers.Origin {
	if at.Field == "" {
		return inner
	}
	return parsers.Origin{Path: at.Path, Line: at.Line, Field: strings.TrimSuffix(at.Field+": "+inner.Field, ": ")}
}

// kubeconfigUsers adds what a kubeconfig embeds. at is the file, or the field
// that the kubeconfig stands in.
func (s *scanner) kubeconfigUsers(component string, at parsers.Origin, k parsers.Kubeconfig) {
	add := func(holds Holding, role, pair string, e parsers.Embedded) {
		if e.IsZero() {
			return
		}
		m, origin := s.shared(e.Material), inside(at, e.Origin)
		for i := range m.Certificates {
			m.Certificates[i].Origin = origin
		}
		for i := range m.Keys {
			m.Keys[i].Origin = origin
		}
		for i := range m.Problems {
			m.Problems[i].Origin = origin
		}
		s.inv.refer(Reference{Component: component, Name: origin.Field, Origin: origin, Holds: holds, Role: role, Pair: pair, Embedded: &m})
	}
	for _, c := range k.Clusters {
		add(HoldsBundle, RoleFileCA, "", c.CAData)
	}
	for _, u := range k.Users {
		pair := fmt.Sprintf("%s %s:%d %s", component, at.Path, at.Line, u.Name)
		add(HoldsCertificate, RoleFileLeaf, pair, u.CertificateData)
		add(HoldsPrivateKey, RoleFileLeaf, pair, u.KeyData)
	}
}

// caCopy is a place to which a cluster copies one of its CAs.
type caCopy struct {
	kind, namespace, name string
	// field is its beginning.
	field string
	role  string
}

// caCopies of a cluster. "" stands for any. Sources: kubernetes
// pkg/controller/certificates/rootcacertpublisher,
// pkg/controlplane/controller/clusterauthenticationtrust,
// cmd/kubeadm/app/phases/bootstraptoken/clusterinfo.
var caCopies = []caCopy{
	{"ConfigMap", "", "kube-root-ca.crt", `data["ca.crt"]`, RoleKubernetesCA},
	{"ConfigMap", "kube-public", "cluster-info", "data.kubeconfig", RoleKubernetesCA},
	{"ConfigMap", "kube-system", "extension-apiserver-authentication", "data.client-ca-file", RoleKubernetesCA},
	{"ConfigMap", "kube-system", "extension-apiserver-authentication", "data.requestheader-client-ca-file", RoleFrontProxyCA},
}

// apiServerSigner is the signer whose ClusterTrustBundle is the CA of the API
// servers (kubernetes pkg/controller/certificates/clustertrustbundlepublisher).
const apiServerSigner = "kubernetes.io:kube-apiserver-serving:"

// copyOf is the role of the CA that a field is a copy of, or "".
func copyOf(o Object, field string) string {
	if o.Kind == "ClusterTrustBundle" && strings.HasPrefix(o.Name, apiServerSigner) {
		return RoleKubernetesCA
	}
	for _, c := range caCopies {
		if c.kind == o.Kind && c.name == o.Name && (c.namespace == "" || c.namespace == o.Namespace) && c.field == field {
			return c.role
		}
	}
	return ""
}

// objectReaders read what an object of a kind says beside its certificates.
var objectReaders = map[string]func(*Object, parsers.Document, fieldTexts){
	"ConfigMap":                      readConfigMap,
	"ValidatingWebhookConfiguration": readWebhooks,
	"MutatingWebhookConfiguration":   readWebhooks,
	"APIService":                     readAPIService,
	"CustomResourceDefinition":       readConversion,
	"Certificate":                    readCertManager,
	"PodCertificateRequest":          readPodCertificate,
	"ClusterRoleBinding":             readBinding,
}

func readWebhooks(o *Object, d parsers.Document, f fieldTexts) {
	for _, config := range d.At("webhooks[].clientConfig") {
		hook, _ := strings.CutSuffix(config.Field(), ".clientConfig")
		for _, t := range targetsOf(hook+".clientConfig", f) {
			t.Name = f[hook+".name"].Value
			t.Optional = f[hook+".failurePolicy"].Value == "Ignore"
			o.Targets = append(o.Targets, t)
		}
	}
}

func readAPIService(o *Object, _ parsers.Document, f fieldTexts) {
	for _, t := range targetsOf("spec", f) {
		t.Unverified = parsers.IsTrue(f["spec.insecureSkipTLSVerify"].Value)
		o.Targets = append(o.Targets, t)
	}
}

// readConversion reads apiextensions.k8s.io/v1 and, until 1.22, v1beta1.
func readConversion(o *Object, _ parsers.Document, f fieldTexts) {
	for _, prefix := range []string{"spec.conversion.webhook.clientConfig", "spec.conversion.webhookClientConfig"} {
		o.Targets = append(o.Targets, targetsOf(prefix, f)...)
	}
}

// injectors are the annotations by which a controller is told to fill in a
// caBundle; source is what the value of the annotation names, "" for nothing. Sources:
// cert-manager.io/docs/concepts/ca-injector, openshift/service-ca-operator.
var injectors = []struct{ annotation, source string }{
	{"cert-manager.io/inject-ca-from", "Certificate"},
	{"cert-manager.io/inject-ca-from-secret", "Secret"},
	{"cert-manager.io/inject-apiserver-ca", ""},
	{"service.beta.openshift.io/inject-cabundle", ""},
}

// targetsOf returns the service, or the host of a URL, that a part of an object
// has the API server call.
func targetsOf(prefix string, f fieldTexts) []Target {
	t := Target{}
	switch service, url := f[prefix+".service.name"], f[prefix+".url"]; {
	case service.Value != "":
		t.Origin, t.Service, t.Namespace = service.Origin, service.Value, f[prefix+".service.namespace"].Value
	case url.Value != "":
		t.Origin, t.Host = url.Origin, parsers.HostOf(url.Value)
		if labels := strings.Split(t.Host, "."); len(labels) > 2 && labels[2] == "svc" {
			t.Service, t.Namespace = labels[0], labels[1]
		}
	default:
		return nil
	}
	if bundle := f[prefix+".caBundle"]; bundle.Value != "" {
		t.Bundle = bundle.Origin
	}
	for _, i := range injectors {
		value := f[fmt.Sprintf("metadata.annotations[%q]", i.annotation)].Value
		if value == "" || value == "false" || t.Injector != "" {
			continue
		}
		t.Injector = i.annotation
		if i.source != "" {
			t.Injected = i.source + " " + value
		}
	}
	return []Target{t}
}

func readBinding(o *Object, d parsers.Document, f fieldTexts) {
	o.Binding = &Binding{Role: f["roleRef.name"].Value}
	for _, name := range d.Find("subjects[].name") {
		kind := f[strings.TrimSuffix(name.Origin.Field, "name")+"kind"].Value
		o.Binding.Subjects = append(o.Binding.Subjects, kind+" "+name.Value)
	}
}

// readConfigMap reads the configurations that kubeadm keeps in the cluster.
func readConfigMap(o *Object, _ parsers.Document, f fieldTexts) {
	if o.Namespace != "kube-system" {
		return
	}
	switch {
	case o.Name == "kubeadm-config":
		o.Asks, o.Etcd = kubeadmAsks(f["data.ClusterConfiguration"]), kubeadmEtcd(f["data.ClusterConfiguration"])
	case strings.HasPrefix(o.Name, "kubelet-config"): // with the version behind it before 1.24
		o.Settings = kubeletConfigSettings(f["data.kubelet"])
	}
}

// inner parses a document that stands in a field.
func inner(t parsers.Text) (parsers.Document, bool) {
	docs, _ := parsers.ParseDocuments(t.Origin.Path, []byte(t.Value))
	if len(docs) == 0 {
		return parsers.Document{}, false
	}
	return docs[0], true
}

// kubeadmAsks are the names that kubeadm would put into the API server's
// certificate because its configuration says so.
func kubeadmAsks(t parsers.Text) *Asks {
	d, ok := inner(t)
	if !ok {
		return nil
	}
	a := &Asks{}
	names := d.Find("apiServer.certSANs[]")
	if host := parsers.HostOf(d.First("controlPlaneEndpoint").Value); host != "" {
		names = append(names, parsers.Text{Value: host})
	}
	for _, n := range names {
		a.add(n.Value)
	}
	return a
}

// kubeadmEtcd says who runs etcd according to kubeadm's configuration, "" where
// there is none.
func kubeadmEtcd(t parsers.Text) string {
	d, ok := inner(t)
	switch {
	case !ok:
		return ""
	case len(d.At("etcd.external")) > 0:
		return EtcdExternal
	}
	return EtcdLocal
}

// add adds a name or an address, once.
func (a *Asks) add(name string) {
	list := &a.DNSNames
	if parsers.IsAddress(name) {
		list = &a.IPAddresses
	}
	if !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}

// kubeletConfigSettings are the fields of the KubeletConfiguration that every
// node gets when it joins.
func kubeletConfigSettings(t parsers.Text) map[string]parsers.Text {
	d, ok := inner(t)
	if !ok {
		return nil
	}
	out := map[string]parsers.Text{}
	for f, v := range configured(Kubelet, d) {
		v.Origin = inside(t.Origin, v.Origin)
		out[f.Name] = v
	}
	return out
}

// readCertManager reads cert-manager.io/v1 Certificate. There are Certificates
// of other groups.
func readCertManager(o *Object, d parsers.Document, f fieldTexts) {
	if !strings.HasPrefix(d.APIVersion(), "cert-manager.io/") {
		return
	}
	o.Asks = &Asks{Secret: f["spec.secretName"].Value, CommonName: f["spec.commonName"].Value, Renewal: f["status.renewalTime"].Time()}
	for _, t := range slices.Concat(d.Find("spec.dnsNames[]"), d.Find("spec.ipAddresses[]")) {
		o.Asks.add(t.Value)
	}
	o.Conditions = conditions(d, f)
}

// readPodCertificate reads certificates.k8s.io PodCertificateRequest.
func readPodCertificate(o *Object, d parsers.Document, f fieldTexts) {
	o.Asks = &Asks{MaxSeconds: podCertificateSeconds}
	if n, err := strconv.ParseInt(f["spec.maxExpirationSeconds"].Value, 10, 64); err == nil {
		o.Asks.MaxSeconds = n
	}
	if der, err := base64.StdEncoding.DecodeString(f["spec.pkixPublicKey"].Value); err == nil && len(der) > 0 {
		o.Asks.PublicKeySHA256 = parsers.PublicKeySum(der)
	}
	o.Conditions = conditions(d, f)
}

// podCertificateSeconds is the lifetime that the kubelet asks for where the pod
// says nothing (k8s.io/api core/v1 PodCertificateProjection).
const podCertificateSeconds = 86400

func conditions(d parsers.Document, f fieldTexts) []Condition {
	var out []Condition
	for _, t := range d.Find("status.conditions[].type") {
		prefix := strings.TrimSuffix(t.Origin.Field, "type")
		out = append(out, Condition{Origin: t.Origin, Type: t.Value, Status: f[prefix+"status"].Value,
			Reason: f[prefix+"reason"].Value, Message: f[prefix+"message"].Value})
	}
	return out
}
