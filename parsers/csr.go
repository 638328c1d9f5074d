package parsers

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRequestDER is the longest PKCS #10 request that is decoded: one with a key of
// 16384 bits and hundreds of names is far shorter.
const maxRequestDER = 64 << 10

// The kinds of object that are understood beside [Request].
const (
	kindRequest = "CertificateSigningRequest"
	kindNode    = "Node"
)

// RequestList is what a file or stream holds of certificate signing requests,
// each list in the order of the input.
type RequestList struct {
	Requests []Request
	// Nodes are the Node objects beside the requests.
	Nodes []NodeObject
	// Others counts the objects and PEM blocks that are neither.
	Others int
	// Problems are what belongs to no single request.
	Problems []Problem
}

// Request is a CertificateSigningRequest object of the Certificates API, or a
// bare request in PEM or DER. What an object leaves out is the zero Text.
type Request struct {
	// Origin is where the object or the PEM block begins; of DER the file.
	Origin Origin
	// Bare says that there is no object around the request.
	Bare       bool
	APIVersion Text
	Name       Text
	// GenerateName is what the API server makes a name of where there is none.
	GenerateName Text
	// Stored: an API server has taken the object. It alone writes the UID, the
	// versions and the time of creation, and lets nobody hand in a status.
	Stored bool
	// Created is when the API server took the object; zero in a manifest.
	Created    time.Time
	SignerName Text
	// Username and Groups are those of the requestor, and Requestor is where these
	// and the others of spec.username, uid, groups and extra stand. The API server
	// fills them in and ignores what a manifest says (kubernetes
	// pkg/registry/certificates/certificates/strategy.go PrepareForCreate).
	Username          Text
	Groups            []Text
	Requestor         []Origin
	Usages            []Text
	ExpirationSeconds Text
	Conditions        []Condition
	// Content is where the encoded request stands: spec.request, the PEM block, or
	// the file of DER.
	Content Origin
	// PKCS10 is the decoded request; nil where there is none.
	PKCS10 *x509.CertificateRequest
	// Fault says what is wrong with the encoding of the request; "" for nothing.
	// Where the fault is one that can be seen through, PKCS10 is set all the same.
	Fault string
	// Certificate is what status.certificate holds.
	Certificate Embedded
	// Problems are the fields of a wrong shape.
	Problems []Problem
}

// Condition is one of status.conditions.
type Condition struct {
	Type    string
	Reason  string
	Message string
	// At is when the condition was last updated; zero if nothing tells.
	At time.Time
}

// NodeObject is what a Node says of its kubelet.
type NodeObject struct {
	Origin Origin `json:"origin"`
	Name   string `json:"name"`
	// Addresses are the names and addresses that the kubelet is called by, of
	// status.addresses.
	Addresses []string `json:"addresses,omitempty"`
	// KubeletVersion is status.nodeInfo.kubeletVersion, "v1.34.4"; "" where it is not given.
	KubeletVersion string `json:"kubeletVersion,omitempty"`
}

// NodeObject returns what a document says as a Node of the core API. ok is false for any
// other: other groups have kinds of that name. The elements of a typed list, as the API
// server itself returns it, have neither kind nor apiVersion, and are known by
// status.nodeInfo.
func (d Document) NodeObject() (n NodeObject, ok bool) {
	switch d.Kind() {
	case kindNode:
		if v := d.APIVersion(); v != "" && v != "v1" {
			return n, false
		}
	case "":
		if len(d.At("status.nodeInfo")) == 0 {
			return n, false
		}
	default:
		return n, false
	}
	return nodeOf(d.item(nil)), true
}

// requestLabels are the PEM labels of a request: that of RFC 7468, section 7,
// and the one of old programs, which OpenSSL reads as well.
var requestLabels = []string{"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}

// ParseRequests reads what "kubectl get csr -o yaml" or "-o json" prints: single
// objects, lists, several documents; or what [ParseBareRequests] does. What is
// wrong with one object costs no other. Data is not changed.
func ParseRequests(path string, data []byte) RequestList {
	if l, bare := ParseBareRequests(path, data); bare {
		return l
	}
	var l RequestList
	// A bytes.Reader does not fail.
	_ = ReadObjects(path, bytes.NewReader(data), func(o Objects) {
		for _, p := range o.Problems {
			l.Problems = addProblem(l.Problems, p)
		}
		for _, d := range o.Documents {
			for _, element := range d.Elements() {
				l.addObject(element)
			}
		}
	})
	return l
}

// ParseBareRequests reads requests that no object is around: PEM blocks among
// others, or one request in DER. bare reports whether data is of such a form, and
// no object that embeds some. Data is not changed.
func ParseBareRequests(path string, data []byte) (l RequestList, bare bool) {
	if bytes.Contains(data, pemBegin) && !bytes.Contains(data, []byte("apiVersion")) {
		l.addBare(path, data)
		return l, true
	}
	if IsDER(data) && len(data) <= maxRequestDER {
		if request, err := x509.ParseCertificateRequest(bytes.Clone(data)); err == nil {
			at := Origin{Path: path}
			l.Requests = append(l.Requests, Request{Origin: at, Content: at, Bare: true, PKCS10: request})
			return l, true
		}
	}
	return l, false
}

func (l *RequestList) addBare(path string, data []byte) {
	blocks := 0
	for c := range candidates(data) {
		at := Origin{Path: path, Line: c.line}
		if blocks++; blocks > maxBlocks {
			l.Problems = append(l.Problems, Problem{at, KindLimit, fmt.Sprintf("more than %d PEM blocks; the rest is not read", maxBlocks)})
			return
		}
		label, _, _ := bytes.Cut(firstLine(c.text[len(pemBegin):]), pemDashes)
		if !slices.Contains(requestLabels, string(label)) {
			l.Others++
			continue
		}
		r := Request{Origin: at, Content: at, Bare: true}
		r.PKCS10, r.Fault = decodeBlock(c)
		l.Requests = append(l.Requests, r)
	}
}

// decodeBlock decodes a PEM block with the label of a request.
func decodeBlock(c candidate) (*x509.CertificateRequest, string) {
	if c.size() > 2*maxRequestDER {
		return nil, fmt.Sprintf("is longer than %d KiB", maxRequestDER>>10)
	}
	block := c.decode()
	if block == nil {
		return nil, c.damage()
	}
	return decodeDER(block.Bytes)
}

func decodeDER(der []byte) (*x509.CertificateRequest, string) {
	if len(der) > maxRequestDER {
		return nil, fmt.Sprintf("is longer than %d KiB", maxRequestDER>>10)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, err.Error()
	}
	return request, ""
}

// addObject adds an object. The elements of a typed list, as the API server
// itself returns it, have neither kind nor apiVersion.
func (l *RequestList) addObject(d Document) {
	kind := d.Kind()
	if kind == "" && len(d.At("spec.request")) > 0 {
		kind = kindRequest
	}
	if kind == kindRequest {
		l.Requests = append(l.Requests, requestOf(d))
	} else if n, ok := d.NodeObject(); ok {
		l.Nodes = append(l.Nodes, n)
	} else {
		l.Others++
	}
}

func nodeOf(it item) NodeObject {
	n := NodeObject{Origin: it.origin()}
	if metadata, ok := it.mapping("metadata"); ok {
		n.Name = metadata.textOf("name").Value
	}
	if status, ok := it.mapping("status"); ok {
		for _, a := range status.mappings("addresses") {
			if address := a.textOf("address").Value; address != "" {
				n.Addresses = append(n.Addresses, address)
			}
		}
		if info, ok := status.mapping("nodeInfo"); ok {
			n.KubeletVersion = info.textOf("kubeletVersion").Value
		}
	}
	return n
}

func requestOf(d Document) Request {
	r := Request{APIVersion: d.First("apiVersion")}
	it := d.item(&r.Problems)
	r.Origin = it.origin()
	if metadata, ok := it.section("metadata", "name", "generateName"); ok {
		r.Name, r.GenerateName = metadata.textOf("name"), metadata.textOf("generateName")
		r.Created = metadata.textOf("creationTimestamp").Time()
		r.Stored = !r.Created.IsZero() || given(metadata, "uid", "resourceVersion")
	}
	spec, ok := it.section("spec", "request", "signerName", "usages", "expirationSeconds")
	if ok {
		r.addSpec(spec)
		r.addContent(it.origin(), spec.textOf("request"))
	} else {
		r.addContent(it.origin(), Text{})
	}
	if status, ok := it.mapping("status"); ok {
		for _, c := range status.mappings("conditions") {
			r.addCondition(c)
		}
		r.Certificate = embedded(status, "certificate")
		r.Stored = r.Stored || given(status, "conditions", "certificate")
	}
	if s := r.ExpirationSeconds; !s.IsZero() {
		if _, err := strconv.ParseInt(s.Value, 10, 32); err != nil {
			r.Problems = addProblem(r.Problems, Problem{s.Origin, KindSyntax, "is no number of seconds that fits 32 bits"})
		}
	}
	return r
}

func (r *Request) addSpec(spec item) {
	r.SignerName = spec.textOf("signerName")
	r.Username = spec.textOf("username")
	r.Groups = spec.texts("groups")
	r.Usages = spec.texts("usages")
	r.ExpirationSeconds = spec.textOf("expirationSeconds")
	for _, key := range []string{"username", "uid", "groups", "extra"} {
		if field, ok := spec.get(key); ok {
			r.Requestor = append(r.Requestor, field.origin())
		}
	}
}

// section returns a mapping of an object. Where it is empty and its fields stand
// beside it, or inside of metadata, their indentation was lost: that is a
// problem, and what stands there is returned all the same.
func (it item) section(key string, fields ...string) (item, bool) {
	if own, ok := it.get(key); ok {
		return own, own.isMapping()
	}
	places := []item{it}
	if metadata, ok := it.get("metadata"); ok {
		if deeper, ok := metadata.get(key); ok {
			places = append(places, deeper)
		}
		places = append(places, metadata)
	}
	for _, place := range places {
		var lost []item
		for _, field := range fields {
			if found, ok := place.get(field); ok {
				lost = append(lost, found)
			}
		}
		if len(lost) > 0 {
			lost[0].problem(KindSyntax, fmt.Sprintf("stands outside of %s, where nobody looks for it%s: the indentation is lost; expected %s.%s",
				key, alsoLost(lost[1:]), key, fields[slices.IndexFunc(fields, func(f string) bool { return strings.HasSuffix(lost[0].field, f) })]))
			return place, true
		}
	}
	return item{}, false
}

// alsoLost names more fields of which the same is true.
func alsoLost(more []item) string {
	var names []string
	for _, it := range more {
		names = append(names, it.field)
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + " as well)"
}

// addCondition adds a condition that holds. Those of v1beta1 had no status, and
// all that there were held.
func (r *Request) addCondition(it item) {
	if status := it.textOf("status").Value; status != "" && status != "True" {
		return
	}
	at := it.textOf("lastUpdateTime").Time()
	if at.IsZero() {
		at = it.textOf("lastTransitionTime").Time()
	}
	r.Conditions = append(r.Conditions, Condition{it.textOf("type").Value, it.textOf("reason").Value, it.textOf("message").Value, at})
}

func (r *Request) addContent(object Origin, content Text) {
	r.Content = content.Origin
	if content.IsZero() {
		r.Content = object
	}
	r.PKCS10, r.Fault = decodeContent(content.Value)
}

// placeholder matches what tutorials and templates leave for the reader to fill
// in. None of these characters is part of base64.
var placeholder = regexp.MustCompile("[<>{}$`()]|\\.\\.\\.|(?i:O?M+ITT?ED|REDACTED|REPLACE|YOUR[-_ ])")

// decodeContent decodes spec.request: base64 of PEM. Faults that can be seen
// through give both a request and a fault.
func decodeContent(text string) (*x509.CertificateRequest, string) {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return nil, "is empty"
	case strings.Contains(trimmed, string(pemBegin)):
		request, fault := decodePEM([]byte(trimmed))
		return request, join2("holds PEM as it is, and the field takes base64 of it", fault)
	case len(trimmed) > 4*maxRequestDER:
		return nil, fmt.Sprintf("is longer than %d KiB", maxRequestDER>>10)
	}
	// encoding/json ignores line breaks in base64 and nothing else.
	compact := strings.Join(strings.Fields(trimmed), "")
	blanks := ""
	if strings.ContainsAny(trimmed, " \t") {
		blanks = "has blanks inside of the base64, as YAML makes of its lines; encode with base64 -w0"
	}
	data, err := base64.StdEncoding.DecodeString(compact)
	defer clear(data)
	isPlaceholder := placeholder.MatchString(trimmed)
	switch {
	case (err != nil || isPlaceholder) && beginsKey(data):
		return nil, FaultPrivateKey
	case isPlaceholder:
		return nil, fmt.Sprintf("is the placeholder %q", Clip(trimmed, maxShown))
	case err != nil:
		return nil, "is no base64"
	}
	request, fault := decodePEM(data)
	return request, join2(blanks, fault)
}

// decodePEM decodes what the base64 of spec.request holds, as the API server
// does: the first block counts, and its label must be the right one.
func decodePEM(data []byte) (*x509.CertificateRequest, string) {
	for c := range candidates(data) {
		label, _, _ := bytes.Cut(firstLine(c.text[len(pemBegin):]), pemDashes)
		switch {
		case bytes.Contains(label, []byte("PRIVATE KEY")):
			return nil, FaultPrivateKey
		case string(label) == requestLabels[1]:
			request, fault := decodeBlock(c)
			return request, join2(fmt.Sprintf("has the PEM label %q; the API server takes only %q", requestLabels[1], requestLabels[0]), fault)
		case string(label) != requestLabels[0]:
			return nil, "holds no request: " + describe(string(label))
		}
		return decodeBlock(c)
	}
	return undressed(data)
}

// beginsKey reports whether data holds a PEM private key or begins like a DER one,
// PKCS #1, PKCS #8 or SEC 1: a sequence whose first element is the number 0 or 1.
func beginsKey(data []byte) bool {
	if _, pem := BlankKeys(data); pem {
		return true
	}
	first := derContents(data)
	return IsDER(data) && (bytes.HasPrefix(first, []byte{asn1.TagInteger, 1, 0}) || bytes.HasPrefix(first, []byte{asn1.TagInteger, 1, 1}))
}

// FaultPrivateKey is the [Request.Fault] of a private key in place of a request.
const FaultPrivateKey = "holds a private key, which everybody who can read the object now has"

// undressed decodes what is no PEM.
func undressed(data []byte) (*x509.CertificateRequest, string) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("LS0tLS1CRUdJTi")) {
		inner, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), ""))
		defer clear(inner)
		if block, _ := pem.Decode(inner); err == nil && block != nil && block.Type == requestLabels[0] {
			request, fault := decodeDER(block.Bytes)
			return request, join2("is base64 of a base64; encode it once", fault)
		}
		return nil, "is base64 of a base64; encode it once"
	}
	if len(data) <= maxRequestDER {
		if request, err := x509.ParseCertificateRequest(data); err == nil {
			return request, "is base64 of DER, and the API server takes base64 of PEM"
		}
	}
	m := ParseMaterial(Origin{}, data)
	switch {
	case slices.ContainsFunc(m.Keys, func(k Key) bool { return k.Private }):
		return nil, FaultPrivateKey
	case len(m.Certificates) > 0:
		return nil, "holds no request but a certificate"
	}
	return nil, fmt.Sprintf("is base64 of %d bytes that are no PEM", len(data))
}

// join2 joins two faults, of which each may be "".
func join2(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
