package audit

import (
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
)

// The signers of kube-controller-manager.
const (
	signerClient        = "kubernetes.io/kube-apiserver-client"
	signerKubeletClient = "kubernetes.io/kube-apiserver-client-kubelet"
	signerServing       = "kubernetes.io/kubelet-serving"
	signerLegacy        = "kubernetes.io/legacy-unknown"
	builtinDomain       = "kubernetes.io/"
)

// The names that Kubernetes gives a meaning to.
const (
	groupNodes       = "system:nodes"
	groupAdmins      = "kubeadm:cluster-admins"
	groupBootstrap   = "system:bootstrappers"
	nodeNamePrefix   = "system:node:"
	reservedPrefix   = "system:"
	usageSignature   = "digital signature"
	usageEncipher    = "key encipherment"
	usageClientAuth  = "client auth"
	usageServerAuth  = "server auth"
	usageCertSigning = "cert sign"
)

// SANRule says which alternative names a signer takes.
type SANRule string

// The rules for alternative names.
const (
	// SANAny: they are not looked at.
	SANAny SANRule = "any"
	// SANNone: there must be none, of any type.
	SANNone SANRule = "none"
	// SANHosts: at least one name or address, and nothing else.
	SANHosts SANRule = "at least one DNS name or IP address; no email address, no URI"
)

// Signer is a signer of kube-controller-manager and what it demands of a
// request. A request that breaks its rules is approved in vain: its condition
// becomes Failed with the reason SignerValidationFailure.
type Signer struct {
	// Name is that of spec.signerName.
	Name string
	// Node demands the subject of a node: the one organization system:nodes and
	// a common name in system:node:.
	Node bool
	// SANs is what it takes of alternative names.
	SANs SANRule
	// Required and Allowed are usages: all of Required must be asked for, and
	// nothing but Required and Allowed. Where both are empty, any usages will do.
	Required, Allowed []string
	// Client says that the API server accepts what it signs as client certificates.
	Client bool
	// Requestor says who may ask for whom.
	Requestor RequestorRule
	// Approval says who approves.
	Approval string
	// flag is the word for it in --cluster-signing-...-cert-file.
	flag string
	// Source is where the rules are from.
	Source string
}

// RequestorRule says who is expected to ask a signer, beside those whom the
// certificate is for.
type RequestorRule string

// The rules for requestors.
const (
	// RequestorSelf: nobody else.
	RequestorSelf RequestorRule = "the node itself"
	// RequestorBootstrap: a node that has no identity yet.
	RequestorBootstrap RequestorRule = "the node itself, or a bootstrapper of it"
	// RequestorUser: whoever the common name says.
	RequestorUser RequestorRule = "the user itself"
)

const (
	sourceCSR      = "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/"
	sourceSigners  = sourceCSR + "#kubernetes-signers"
	sourceHelpers  = "kubernetes pkg/apis/certificates/helpers.go; " + sourceSigners
	sourceSigner   = "kubernetes pkg/controller/certificates/signer/signer.go; " + sourceSigners
	approvedByHand = "somebody has to approve it"
)

// Signers returns the signers of kube-controller-manager. The slice is the
// caller's own.
func Signers() []Signer {
	return []Signer{
		{Name: signerClient, SANs: SANAny, Required: []string{usageClientAuth}, Allowed: []string{usageSignature, usageEncipher},
			Client: true, Requestor: RequestorUser, Approval: approvedByHand, flag: "kube-apiserver-client-", Source: sourceSigner},
		{Name: signerKubeletClient, Node: true, SANs: SANNone, Required: []string{usageClientAuth, usageSignature}, Allowed: []string{usageEncipher},
			Client: true, Requestor: RequestorBootstrap, Approval: "kube-controller-manager approves it if the requestor may create certificatesigningrequests/nodeclient or /selfnodeclient",
			flag: "kubelet-client-", Source: sourceHelpers},
		{Name: signerServing, Node: true, SANs: SANHosts, Required: []string{usageServerAuth, usageSignature}, Allowed: []string{usageEncipher},
			Requestor: RequestorSelf, Approval: approvedByHand, flag: "kubelet-serving-", Source: sourceHelpers},
		{Name: signerLegacy, SANs: SANAny, Client: true, Requestor: RequestorUser, Approval: approvedByHand, flag: "legacy-unknown-", Source: sourceSigner},
	}
}

// signerNamed returns the built-in signer of a name.
func signerNamed(name string) (Signer, bool) {
	all := Signers()
	i := slices.IndexFunc(all, func(s Signer) bool { return s.Name == name })
	if i < 0 {
		return Signer{}, false
	}
	return all[i], true
}

// usageFaults says what is wrong with the usages that are asked of a signer.
func (s Signer) usageFaults(asked []string) []string {
	var faults []string
	if len(s.Required) == 0 {
		return nil
	}
	for _, u := range s.Required {
		if !slices.Contains(asked, u) {
			faults = append(faults, fmt.Sprintf("lacks %q", u))
		}
	}
	for _, u := range asked {
		if !slices.Contains(s.Required, u) && !slices.Contains(s.Allowed, u) {
			faults = append(faults, fmt.Sprintf("asks for %q", clip(u)))
		}
	}
	return faults
}

// subjectFaults says what is wrong with a subject.
func (s Signer) subjectFaults(subject pkix.Name) []string {
	var faults []string
	commonName, organizations := subject.CommonName, subject.Organization
	switch {
	case !s.Node && s.Client && commonName == "":
		faults = append(faults, "has no common name, from which the API server takes the user: with the certificate one is nobody")
	case s.Node && strings.TrimPrefix(commonName, nodeNamePrefix) == "", s.Node && !strings.HasPrefix(commonName, nodeNamePrefix):
		faults = append(faults, fmt.Sprintf("has the common name %q; expected %sNAME", clip(commonName), nodeNamePrefix))
	}
	if s.Node && !slices.Equal(organizations, []string{groupNodes}) {
		faults = append(faults, fmt.Sprintf("has the organizations %s; expected %q alone%s", listOr(clipAll(organizations), "none"), groupNodes, misplacedWords(subject)))
	}
	return faults
}

// sanFaults says what is wrong with the alternative names of a request.
func (s Signer) sanFaults(r *request) []string {
	x := r.PKCS10
	hosts := len(x.DNSNames) + len(x.IPAddresses)
	others := len(x.EmailAddresses) + len(x.URIs)
	switch {
	case s.SANs == SANNone && hosts+others > 0:
		return []string{fmt.Sprintf("has alternative names (%s); expected none", listOr(clipAll(r.names()), "none"))}
	case s.SANs == SANHosts && hosts == 0:
		return []string{"has no DNS name and no IP address; expected at least one"}
	case s.SANs == SANHosts && others > 0:
		return []string{"has email addresses or URIs among its alternative names; expected DNS names and IP addresses only"}
	}
	return nil
}

// kubeletUsages are those that kubelets ask for, with and without a key of RSA.
func kubeletUsages(purpose string, usages []string) bool {
	rest := slices.DeleteFunc(slices.Clone(usages), func(u string) bool { return u == usageEncipher })
	slices.Sort(rest)
	want := []string{purpose, usageSignature}
	slices.Sort(want)
	return slices.Equal(rest, want)
}

// defaultSigner is the signer that v1beta1 chose where none was named
// (kubernetes pkg/apis/certificates/v1beta1/defaults.go).
func defaultSigner(r *request) string {
	if r.PKCS10 == nil {
		return signerLegacy
	}
	for _, s := range Signers() {
		purpose := usageClientAuth
		if s.Name == signerServing {
			purpose = usageServerAuth
		}
		if s.Node && kubeletUsages(purpose, r.usages) && len(s.subjectFaults(r.PKCS10.Subject)) == 0 && len(s.sanFaults(r)) == 0 {
			return s.Name
		}
	}
	return signerLegacy
}

// knownUsages are the usages that the API knows (kubernetes
// staging/src/k8s.io/api/certificates/v1/types.go).
var knownUsages = []string{"signing", usageSignature, "content commitment", usageEncipher, "key agreement", "data encipherment",
	usageCertSigning, "crl sign", "encipher only", "decipher only", "any", usageServerAuth, usageClientAuth, "code signing",
	"email protection", "s/mime", "ipsec end system", "ipsec tunnel", "ipsec user", "timestamping", "ocsp signing", "microsoft sgc", "netscape sgc"}
