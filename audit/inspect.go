package audit

import (
	"bytes"
	"certaudit/audit/inventory"
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"certaudit/parsers"
)

// InspectionSchema names the form of an [Inspection] in JSON. Fields are added
// under this name, never renamed or removed.
const InspectionSchema = "certaudit-inspect/v1"

// Inspection is everything that a file, a stream or an endpoint shows. No slice
// is nil.
type Inspection struct {
	Schema string    `json:"schema"`
	At     time.Time `json:"at"`
	// Source is the file or the endpoint.
	Source string `json:"source"`
	// Items are in the order in which they were found.
	Items []Item `json:"items"`
	// Chains has one chain for each certificate that signed no other one.
	Chains []Chain `json:"chains"`
	// Session is set for an endpoint.
	Session  *Session          `json:"session,omitempty"`
	Problems []parsers.Problem `json:"problems"`
	// Expected is the role that a certificate was held against; Findings
	// and Unjudged are what came of it.
	Expected string    `json:"expected,omitempty"`
	Findings []Finding `json:"findings"`
	Unjudged []string  `json:"unjudged"`

	certificates []parsers.Certificate // the one of each item, or the zero Certificate
	keys         []parsers.Key
	made         signatures
}

// The kinds of an [Item].
const (
	ItemCertificate = "certificate"
	ItemRequest     = "certificate request"
	ItemPrivateKey  = "private key"
	ItemPublicKey   = "public key"
)

// Item is a certificate, a request for one, or a key. What its kind does not
// have is zero; no slice is nil.
type Item struct {
	Kind string `json:"kind"`
	// Origin is where it stands; Holder what holds it there, "Secret prod/web".
	Origin         parsers.Origin `json:"origin"`
	Holder         string         `json:"holder,omitempty"`
	Subject        string         `json:"subject,omitempty"`
	Issuer         string         `json:"issuer,omitempty"`
	DNSNames       []string       `json:"dnsNames"`
	IPAddresses    []string       `json:"ipAddresses"`
	EmailAddresses []string       `json:"emailAddresses"`
	URIs           []string       `json:"uris"`
	NotBefore      time.Time      `json:"notBefore,omitzero"`
	NotAfter       time.Time      `json:"notAfter,omitzero"`
	// DaysLeft is rounded down; negative for one that has expired.
	DaysLeft int `json:"daysLeft"`
	// Version is that of X.509 in a certificate, from 1; VersionNote what Go and
	// Kubernetes make of one of another version than 3, "" for one of 3.
	Version     int    `json:"version,omitempty"`
	VersionNote string `json:"versionNote,omitempty"`
	// Validity is "valid", "expired" or "not yet valid".
	Validity string `json:"validity,omitempty"`
	// Serial and the identifiers are lower-case hexadecimal without separators.
	Serial             string `json:"serial,omitempty"`
	KeyAlgorithm       string `json:"keyAlgorithm"`
	PublicKeySHA256    string `json:"publicKeySHA256"`
	SignatureAlgorithm string `json:"signatureAlgorithm,omitempty"`
	SHA256             string `json:"sha256,omitempty"`
	SHA1               string `json:"sha1,omitempty"`
	// Purposes are the key usages and extended key usages in words.
	Purposes []string `json:"purposes"`
	IsCA     bool     `json:"isCA,omitempty"`
	// MaxPathLen is how many CAs may follow below this one; nil for no limit.
	MaxPathLen     *int   `json:"maxPathLen,omitempty"`
	SubjectKeyID   string `json:"subjectKeyId,omitempty"`
	AuthorityKeyID string `json:"authorityKeyId,omitempty"`
	SelfSigned     bool   `json:"selfSigned,omitempty"`
	// SignatureValid says of a request that it was signed with its own key.
	SignatureValid bool `json:"signatureValid,omitempty"`
	// IssuedBy and PrivateKey are the indexes of other items: the certificate that
	// signed this one, and the key that belongs to it; -1 for none.
	IssuedBy   int `json:"issuedBy"`
	PrivateKey int `json:"privateKey"`
}

// Chain leads from a certificate to what it can be verified with.
type Chain struct {
	// Items are indexes, the leaf first.
	Items []int `json:"items"`
	// Missing is the name of the issuer that is not among the items; empty for a
	// chain that ends in a self-signed certificate.
	Missing string `json:"missing,omitempty"`
	// Order says what is wrong with the order in the file; empty for nothing.
	Order string `json:"order,omitempty"`
}

// Session is what is known of a TLS connection.
type Session struct {
	Address string `json:"address"`
	// ServerName is the one that was asked for and verified.
	ServerName string `json:"serverName"`
	Protocol   string `json:"protocol"`
	Cipher     string `json:"cipher"`
	// NameError and ChainError say why crypto/x509 refuses the host name and the
	// chain; empty where it accepts them.
	NameError  string `json:"nameError,omitempty"`
	ChainError string `json:"chainError,omitempty"`
	// Roots says what the chain was verified against.
	Roots string `json:"roots"`
	// Error says why the handshake failed; the certificates may have come before.
	Error string `json:"error,omitempty"`
}

func newInspection(source string, at time.Time) *Inspection {
	return &Inspection{Schema: InspectionSchema, At: at.UTC(), Source: source, Items: []Item{}, Chains: []Chain{},
		Problems: []parsers.Problem{}, Findings: []Finding{}, Unjudged: []string{}, made: newSignatures(0, nil, nil)}
}

// Uninspected returns the inspection of a file of which nothing could be read, with the
// reason as its problem.
func Uninspected(source, reason string, at time.Time) *Inspection {
	i := newInspection(source, at)
	i.Problems = append(i.Problems, parsers.Problem{Origin: parsers.Origin{Path: source}, Kind: inventory.KindUnreadable, Detail: reason})
	return i
}

// MaxInspected is how many bytes of a file or stream [Inspect] takes.
const MaxInspected = inventory.MaxFileBytes

// Inspect shows everything in a file: certificates, requests and keys in PEM or
// DER, a key store, a kubeconfig, Kubernetes objects. password opens key stores;
// it is called for one only. at is the time that days are counted from.
func Inspect(source string, data []byte, password func() (string, error), at time.Time) *Inspection {
	i := newInspection(source, at)
	here := parsers.Origin{Path: source}
	switch {
	case parsers.IsKeystore(data):
		word, err := password()
		if err != nil {
			i.Problems = append(i.Problems, parsers.Problem{Origin: here, Kind: parsers.KindEncrypted, Detail: err.Error()})
			break
		}
		i.add("", openKeystore(here, data, word))
	case inventory.IsSnapshot(data):
		i.Problems = append(i.Problems, parsers.Problem{Origin: here, Kind: parsers.KindUnsupported, Detail: "is a snapshot of a node, which certaudit audit judges"})
	case inventory.IsObject(data):
		i.objects(data)
	default:
		i.bare(here, data)
	}
	i.relate()
	return i
}

// keystoreTimeout bounds how long a key store may take: its own iteration count
// says how hard the password is worked on.
const keystoreTimeout = 30 * time.Second

func openKeystore(at parsers.Origin, data []byte, password string) parsers.Material {
	opened := make(chan parsers.Material, 1)
	go func() { opened <- parsers.ParseKeystore(at, data, password) }()
	select {
	case m := <-opened:
		return m
	case <-time.After(keystoreTimeout):
		return parsers.Material{Problems: []parsers.Problem{{Origin: at, Kind: parsers.KindLimit, Detail: fmt.Sprintf("could not be opened within %s: it wants too many iterations", keystoreTimeout)}}}
	}
}

// objects adds what Kubernetes objects and kubeconfigs hold.
func (i *Inspection) objects(data []byte) {
	inv, err := inventory.GatherObjects(i.Source, bytes.NewReader(data), nil)
	if err != nil { // memory can always be read
		return
	}
	for _, ref := range inv.References {
		if ref.Embedded != nil && ref.Holds != inventory.HoldsPrivateKey || ref.Embedded != nil && len(ref.Embedded.Certificates) == 0 {
			m := *ref.Embedded
			m.Certificates = slices.SortedFunc(slices.Values(m.Certificates), func(a, b parsers.Certificate) int { return cmp.Compare(a.Index, b.Index) })
			i.add(ref.Component, m)
		}
	}
	for _, r := range parsers.ParseRequests(i.Source, data).Requests {
		holder := inventory.ObjectLabel("CertificateSigningRequest", "", r.Name.Value)
		i.request(holder, r, "spec.request ")
		i.add(holder, r.Certificate.Material)
		i.Problems = append(i.Problems, r.Problems...)
	}
	for _, p := range inv.Problems {
		if !strings.HasPrefix(p.Component, "CertificateSigningRequest") {
			i.Problems = append(i.Problems, p.Problem)
		}
	}
}

// bare adds what a file of PEM or DER holds.
func (i *Inspection) bare(at parsers.Origin, data []byte) {
	l, _ := parsers.ParseBareRequests(i.Source, data)
	reported := map[parsers.Origin]bool{}
	for _, r := range l.Requests {
		i.request("", r, "is no request that can be read: ")
		reported[r.Origin] = true
	}
	i.Problems = append(i.Problems, l.Problems...)
	m := parsers.ParseMaterial(at, data)
	m.Problems = slices.DeleteFunc(m.Problems, func(p parsers.Problem) bool { return reported[p.Origin] })
	i.add("", m)
	for _, part := range parsers.ParseFound(at, data, nil)[1:] {
		i.add(part.Part, part.Material)
	}
}

// add adds what material holds.
func (i *Inspection) add(holder string, m parsers.Material) {
	for _, c := range m.Certificates {
		i.put(i.certificate(holder, c), c, parsers.Key{})
	}
	for _, k := range m.Keys {
		kind := ItemPublicKey
		if k.Private {
			kind = ItemPrivateKey
		}
		i.put(blank(Item{Kind: kind, Origin: k.Origin, Holder: holder, KeyAlgorithm: k.Algorithm, PublicKeySHA256: k.PublicKeySHA256}), parsers.Certificate{}, k)
	}
	i.Problems = append(i.Problems, m.Problems...)
}

func (i *Inspection) put(item Item, c parsers.Certificate, k parsers.Key) {
	i.Items, i.certificates, i.keys = append(i.Items, item), append(i.certificates, c), append(i.keys, k)
}

// blank makes the lists of an item empty rather than nil, and its indexes none.
func blank(item Item) Item {
	for _, list := range []*[]string{&item.DNSNames, &item.IPAddresses, &item.EmailAddresses, &item.URIs, &item.Purposes} {
		if *list == nil {
			*list = []string{}
		}
	}
	item.IssuedBy, item.PrivateKey = -1, -1
	return item
}

func (i *Inspection) certificate(holder string, c parsers.Certificate) Item {
	sum := sha1.Sum(c.Raw)
	item := Item{Kind: ItemCertificate, Origin: c.Origin, Holder: holder, Subject: c.Subject.String(), Issuer: c.Issuer.String(),
		DNSNames: c.DNSNames, IPAddresses: texts(c.IPAddresses), EmailAddresses: c.EmailAddresses, URIs: texts(c.URIs), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		DaysLeft: int(math.Floor(c.NotAfter.Sub(i.At).Hours() / 24)), Validity: "valid", Serial: c.SerialNumber.Text(16),
		KeyAlgorithm:       cmp.Or(keyAlgorithm(c.Certificate), c.PublicKeyAlgorithm.String()),
		PublicKeySHA256:    c.PublicKeySHA256(),
		SignatureAlgorithm: c.SignatureAlgorithm.String(), SHA256: c.SHA256(), SHA1: hex.EncodeToString(sum[:]),
		Purposes: purposesOf(c.Certificate), IsCA: c.BasicConstraintsValid && c.IsCA,
		SubjectKeyID: hex.EncodeToString(c.SubjectKeyId), AuthorityKeyID: hex.EncodeToString(c.AuthorityKeyId), SelfSigned: i.made.selfSigned(c.Certificate), Version: c.Version}
	item.VersionNote = versionNote(item)
	if item.IsCA && (c.MaxPathLen > 0 || c.MaxPathLenZero) {
		item.MaxPathLen = &c.MaxPathLen
	}
	switch {
	case i.At.After(c.NotAfter):
		item.Validity = "expired"
	case i.At.Before(c.NotBefore):
		item.Validity = "not yet valid"
	}
	return blank(item)
}

// versionNote says what Go and Kubernetes make of a certificate without extensions: it
// says neither CA:TRUE nor a name of a host.
//
// Source: crypto/x509 CheckSignatureFrom, isValid, VerifyHostname; kubeadm
// phases/certs LoadCertificateAuthority.
func versionNote(item Item) string {
	switch {
	case item.Version == 3:
		return ""
	case item.SelfSigned:
		return "no extensions, so that it cannot say CA:TRUE: Go and the components of Kubernetes take it for a root CA where a file names it as one, not for a CA below another; kubeadm refuses it as a CA"
	}
	return "no extensions, so that it has no alternative names and no usages: Go clients refuse it from a server; Go servers accept it from a client; it is no CA below another"
}

// request adds a request for a certificate. What is wrong with its encoding is a
// problem, said after a prefix.
func (i *Inspection) request(holder string, r parsers.Request, prefix string) {
	if r.Fault != "" {
		i.Problems = append(i.Problems, parsers.Problem{Origin: r.Content, Kind: parsers.KindSyntax, Detail: prefix + r.Fault})
	}
	x := r.PKCS10
	if x == nil {
		return
	}
	item := Item{Kind: ItemRequest, Origin: r.Content, Holder: holder, Subject: x.Subject.String(), DNSNames: x.DNSNames,
		IPAddresses: texts(x.IPAddresses), EmailAddresses: x.EmailAddresses, URIs: texts(x.URIs),
		KeyAlgorithm:    cmp.Or(parsers.KeyAlgorithm(x.PublicKey), x.PublicKeyAlgorithm.String()),
		PublicKeySHA256: parsers.PublicKeySum(x.RawSubjectPublicKeyInfo), SignatureAlgorithm: x.SignatureAlgorithm.String(),
		SignatureValid: x.PublicKey != nil && i.made.mayVerify(x.PublicKey) && x.CheckSignature() == nil}
	i.put(blank(item), parsers.Certificate{}, parsers.Key{})
}

// keyUsageWords say what the bits of the key usage allow (RFC 5280 4.2.1.3), in
// the order of the bits.
var keyUsageWords = []struct {
	bit   x509.KeyUsage
	words string
}{
	{x509.KeyUsageDigitalSignature, "sign (digital signature)"}, {x509.KeyUsageContentCommitment, "sign for good (content commitment)"},
	{x509.KeyUsageKeyEncipherment, "encrypt keys (key encipherment)"}, {x509.KeyUsageDataEncipherment, "encrypt data (data encipherment)"},
	{x509.KeyUsageKeyAgreement, "agree on keys (key agreement)"}, {x509.KeyUsageCertSign, "sign certificates"}, {x509.KeyUsageCRLSign, "sign revocation lists"},
	{x509.KeyUsageEncipherOnly, "encipher only"}, {x509.KeyUsageDecipherOnly, "decipher only"},
}

// purposeWords say what an extended key usage is for.
var purposeWords = map[x509.ExtKeyUsage]string{
	x509.ExtKeyUsageAny: "any purpose", x509.ExtKeyUsageServerAuth: "be a TLS server (server auth)", x509.ExtKeyUsageClientAuth: "be a TLS client (client auth)",
	x509.ExtKeyUsageCodeSigning: "sign code", x509.ExtKeyUsageEmailProtection: "protect e-mail", x509.ExtKeyUsageTimeStamping: "sign time stamps", x509.ExtKeyUsageOCSPSigning: "sign OCSP answers",
}

func purposesOf(c *x509.Certificate) []string {
	var out []string
	for _, u := range keyUsageWords {
		if c.KeyUsage&u.bit != 0 {
			out = append(out, u.words)
		}
	}
	for _, u := range c.ExtKeyUsage {
		out = append(out, cmp.Or(purposeWords[u], fmt.Sprintf("extended key usage %d", u)))
	}
	for _, oid := range c.UnknownExtKeyUsage {
		out = append(out, oid.String())
	}
	return out
}

// relate finds out which item signed which, and which keys belong to what.
func (i *Inspection) relate() {
	keys, names := map[string]int{}, map[string][]int{}
	for n, item := range i.Items {
		if _, taken := keys[item.PublicKeySHA256]; !taken && item.Kind == ItemPrivateKey {
			keys[item.PublicKeySHA256] = n
		}
		if item.Kind == ItemCertificate {
			subject := string(i.certificates[n].RawSubject)
			names[subject] = append(names[subject], n)
		}
	}
	signed := map[int]bool{}
	for n := range i.Items {
		item := &i.Items[n]
		if k, ok := keys[item.PublicKeySHA256]; ok && k != n {
			item.PrivateKey = k
		}
		if item.Kind != ItemCertificate || item.SelfSigned {
			continue
		}
		for _, ca := range names[string(i.certificates[n].RawIssuer)] {
			if ca != n && i.made.signed(i.certificates[ca].Certificate, i.certificates[n].Certificate) {
				item.IssuedBy = ca
				signed[ca] = true
				break
			}
		}
	}
	for n, item := range i.Items {
		if item.Kind == ItemCertificate && !signed[n] {
			i.Chains = append(i.Chains, i.chainFrom(n))
		}
	}
	for _, why := range i.made.left() {
		i.Problems = append(i.Problems, parsers.Problem{Origin: parsers.Origin{Path: i.Source}, Kind: parsers.KindLimit, Detail: why})
	}
}

// maxChain bounds a chain: two CAs may have signed each other.
const maxChain = 16

func (i *Inspection) chainFrom(n int) Chain {
	c := Chain{Items: []int{n}}
	for len(c.Items) < maxChain && i.Items[n].IssuedBy >= 0 && !slices.Contains(c.Items, i.Items[n].IssuedBy) {
		n = i.Items[n].IssuedBy
		c.Items = append(c.Items, n)
	}
	if last := i.Items[n]; !last.SelfSigned && last.IssuedBy < 0 {
		c.Missing = last.Issuer
	}
	for at := 1; at < len(c.Items); at++ {
		before, after := i.Items[c.Items[at-1]].Origin, i.Items[c.Items[at]].Origin
		if before.Path == after.Path && before.Field == after.Field && c.Items[at] != c.Items[at-1]+1 {
			c.Order = fmt.Sprintf("item %d should follow item %d, which it signed", c.Items[at]+1, c.Items[at-1]+1)
			break
		}
	}
	return c
}

// Expect holds the first certificate that is a CA or none, as the role wants it,
// and the key that belongs to it, against what the requirement table says of the
// role; o gives the version and profile, that of kubeadm if there is none. An
// unknown role, or one of which the table says nothing, is an error.
func (i *Inspection) Expect(role string, o Options) error {
	rows := o.requirements().table.Rows
	if !slices.ContainsFunc(rows, func(r Requirement) bool { return r.Role == role }) {
		return fmt.Errorf("%s; \"certaudit requirements\" lists them", parsers.Unknown("role", role, roleNames()))
	}
	i.Expected = role
	n := i.first(roleNamed(role).isCA())
	if n < 0 {
		i.Problems = append(i.Problems, parsers.Problem{Origin: parsers.Origin{Path: i.Source}, Kind: parsers.KindEmpty, Detail: "holds no certificate to be held against " + role})
		return nil
	}
	o.At, o.Profile = i.At, cmp.Or(o.Profile, ProfileKubeadm)
	node := newNodeAudit(newNode(i.inventory(n, roleNamed(role)), o), o, nil)
	for _, c := range checksOf(scopeNode) {
		if !expectedFamilies[CheckFamily(c.ID)] {
			continue
		}
		findings, outcome := c.runOn(node)
		i.Findings = append(i.Findings, findings...)
		for reason := range strings.SplitSeq(outcome.Reason, "; ") {
			if reason != "" && !slices.Contains(i.Unjudged, reason) {
				i.Unjudged = append(i.Unjudged, reason)
			}
		}
	}
	slices.SortStableFunc(i.Findings, compareFindings)
	return nil
}

// first is the index of the first certificate that is a CA, or that is none;
// where there is no such, of the first one; -1 if there is none at all.
func (i *Inspection) first(isCA bool) int {
	n := slices.IndexFunc(i.Items, func(item Item) bool { return item.Kind == ItemCertificate && item.IsCA == isCA })
	if n < 0 {
		n = slices.IndexFunc(i.Items, func(item Item) bool { return item.Kind == ItemCertificate })
	}
	return n
}

// expectedFamilies are the families of checks that judge a certificate for
// itself.
var expectedFamilies = map[string]bool{"validity": true, "identity": true, "usage": true, "keys": true}

// inventory is a node of one certificate and its key.
func (i *Inspection) inventory(n int, r *role) *inventory.Inventory {
	inv := inventory.New()
	ref := inventory.Reference{Component: cmp.Or(r.component, inventory.ComponentFile), Name: i.Source, Origin: i.Items[n].Origin, Holds: inventory.HoldsCertificate, Role: r.name,
		Pair: i.Source, Embedded: &parsers.Material{Certificates: []parsers.Certificate{i.certificates[n]}}}
	if r.isCA() {
		ref.Holds = inventory.HoldsBundle
	}
	inv.References = append(inv.References, ref)
	if k := i.Items[n].PrivateKey; k >= 0 {
		key := ref
		key.Holds, key.Embedded = inventory.HoldsPrivateKey, &parsers.Material{Keys: []parsers.Key{i.keys[k]}}
		inv.References = append(inv.References, key)
	}
	return inv
}

// inspectTimeout bounds an endpoint, from the look-up of its name on.
const inspectTimeout = 10 * time.Second

// EndpointAddress returns the host and port that an argument names, HOST:PORT or
// an https URL, and false where it is neither.
func EndpointAddress(arg string) (address string, ok bool) {
	if rest, isURL := strings.CutPrefix(arg, "https://"); isURL {
		rest, _, _ = strings.Cut(rest, "/")
		if _, _, err := net.SplitHostPort(rest); err != nil {
			rest = net.JoinHostPort(strings.Trim(rest, "[]"), "443")
		}
		arg = rest
	}
	host, port, err := net.SplitHostPort(arg)
	if err != nil || host == "" || strings.ContainsAny(host, "/ ") {
		return "", false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", false
	}
	return arg, true
}

// InspectEndpoint shows what a server presents. serverName is the name that is
// asked for and verified, the host of the address if empty. roots are what the
// chain is verified against, nil for those of the system; rootsName says what
// they are. It sends a handshake and nothing beyond, and returns when ctx ends at
// the latest.
func InspectEndpoint(ctx context.Context, address, serverName string, roots []*x509.Certificate, rootsName string, at time.Time) *Inspection {
	i := newInspection(address, at)
	host, _, _ := net.SplitHostPort(address)
	s := &Session{Address: address, ServerName: cmp.Or(serverName, host), Roots: rootsName}
	i.Session = s
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	state, err := inventory.Handshake(ctx, address, s.ServerName)
	certs := inventory.PeerCertificates(address, state)
	if len(certs) > 0 {
		s.Protocol, s.Cipher = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)
	}
	if err != nil {
		s.Error = inventory.Unreachable(err, inspectTimeout)
	}
	i.add("", parsers.Material{Certificates: certs})
	if len(certs) > 0 {
		s.verify(&i.made, certs, roots, i.At)
	}
	i.relate()
	return i
}

// verify fills in what crypto/x509 says of the host name and of the chain.
func (s *Session) verify(made *signatures, certs []parsers.Certificate, roots []*x509.Certificate, at time.Time) {
	leaf := certs[0].Certificate
	if err := leaf.VerifyHostname(s.ServerName); err != nil {
		s.NameError = err.Error()
	}
	var between []*x509.Certificate
	for _, c := range certs[1:] {
		between = append(between, c.Certificate)
	}
	o := x509.VerifyOptions{CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if err := made.buildTo(leaf, between, roots, o, roots == nil); err != nil {
		s.ChainError = err.Error()
	}
}
