package audit

import (
	"slices"
	"strings"
	"sync"
)

// Pages that several checks cite.
const (
	sourceRenewal    = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/"
	sourceBest       = "https://kubernetes.io/docs/setup/best-practices/certificates/"
	sourceBootstrap  = "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/"
	sourceAuth       = "https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates"
	sourceAggregator = "https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/"
	sourceRotateCA   = "https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/"
	sourceStaticPod  = "https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/"
	sourceSkew       = "https://kubernetes.io/releases/version-skew-policy/"
)

// CheckIDs returns the IDs of [Checks], in their order.
func CheckIDs() []string {
	var ids []string
	for _, c := range roster {
		ids = append(ids, c.ID)
	}
	return ids
}

// CheckFamily is what stands before the slash in the ID of a check.
func CheckFamily(id string) string {
	family, _, _ := strings.Cut(id, "/")
	return family
}

// CheckFamilies returns the families of [Checks], each once, in their order.
func CheckFamilies() []string {
	var families []string
	for _, c := range roster {
		if family := CheckFamily(c.ID); !slices.Contains(families, family) {
			families = append(families, family)
		}
	}
	return families
}

// Checks returns every check in the order of the documentation. The slice is
// the caller's own.
func Checks() []Check { return slices.Clone(roster) }

// scope says where a check is run.
type scope int

const (
	// scopeNode: once for each inventory of [Run].
	scopeNode scope = 1 << iota
	// scopeObjects: the same, where there are Kubernetes objects.
	scopeObjects
	// scopeRequests: once for all requests of [RunRequests].
	scopeRequests
	// scopeSigning: for the node that signs requests, in [RunRequests].
	scopeSigning
	// scopeCluster: once for each cluster of a [Run] over several nodes.
	scopeCluster
	// scopeNodes: once for all of its nodes.
	scopeNodes
	// scopePolicy: the policy itself judges, once for all nodes.
	scopePolicy
)

// checksOf returns the checks of a scope in the order of the roster.
func checksOf(s scope) []Check {
	if known, ok := checksByScope.Load(s); ok {
		return known.([]Check)
	}
	checks := slices.DeleteFunc(Checks(), func(c Check) bool { return c.scope&s == 0 })
	checksByScope.Store(s, checks)
	return checks
}

// checksByScope is what checksOf found, which no caller changes.
var checksByScope sync.Map

// roster is all checks. The order is that of the documentation and that in
// which they are run: a check stands behind those whose findings explain what it
// would report, so connections/* come after all that names the cause of a broken
// connection.
var roster = []Check{
	{
		ID: "validity/expired", Severity: Critical, scope: scopeNode,
		Summary: "a certificate is past its notAfter",
		Why:     "Whoever presents it is refused with \"x509: certificate has expired or is not yet valid\".",
		Example: "kubeadm's certificates last one year and are renewed by kubeadm upgrade; a cluster that nobody upgrades dies on its birthday.",
		Remedy:  "Renew it, then restart what loaded the old one.",
		Source:  "RFC 5280 4.1.2.5; " + sourceRenewal,
		run:     checkExpired,
	},
	{
		ID: "validity/expiring", Severity: Warning, scope: scopeNode,
		Summary: "a certificate is inside its renewal window",
		Why:     "It will expire soon: warning from 30 days on, critical from 7 (a CA: 180 and 30), or from 30 % and 10 % of its lifetime where that is shorter.",
		Example: "The last kubeadm upgrade was eleven months ago.",
		Remedy:  "Renew it, then restart what loaded the old one.",
		Source:  sourceRenewal,
		run:     checkExpiring,
	},
	{
		ID: "validity/not-yet-valid", Severity: Critical, scope: scopeNode,
		Summary: "a certificate's notBefore lies in the future",
		Why:     "Until then it is refused as if it had expired. Up to ten minutes are a warning: clocks differ, and the fault goes by itself.",
		Example: "The clock of the machine that issued it was ahead.",
		Remedy:  "Set the clocks, then renew the certificate.",
		Source:  "RFC 5280 4.1.2.5",
		run:     checkNotYetValid,
	},
	{
		ID: "validity/outlives-issuer", Severity: Warning, scope: scopeNode,
		Summary: "a certificate ends after the CA that signed it",
		Why:     "From the CA's last day on the certificate verifies no more, whatever its own date says.",
		Example: "A leaf was renewed for a year in the last months of its CA.",
		Remedy:  "Replace the CA in time.",
		Source:  "RFC 5280 6.1.3; " + sourceRotateCA,
		run:     checkOutlivesIssuer,
	},
	{
		ID: "validity/revocation-list", Severity: Warning, scope: scopeNode,
		Summary: "a list of revoked certificates is past its nextUpdate",
		Why:     "A program that checks revocation refuses every certificate of that issuer from then on (OpenSSL: \"CRL has expired\"), or goes on without the newer revocations. Go and etcd do not look at the date.",
		Example: "The job that fetches the list from the company's CA fails since a month.",
		Remedy:  "Fetch the newer list, and have whatever reads it load it.",
		Source:  "RFC 5280 5.1.2.5",
		run:     checkRevocationList,
	},
	{
		ID: "validity/rotation-overdue", Severity: Warning, scope: scopeNode,
		Summary: "a kubelet certificate is past 90 % of its life and was not rotated",
		Why:     "The kubelet renews between 70 % and 90 % of the lifetime; past that, the renewal does not come through and the node drops out when the certificate ends.",
		Example: "kube-controller-manager signs nothing, or a serving request waits for approval.",
		Remedy:  "Read the kubelet's log, look at kubectl get csr.",
		Source:  "k8s.io/client-go util/certificate; " + sourceBootstrap,
		run:     checkRotationOverdue,
	},

	{
		ID: "identity/common-name", Severity: Critical, scope: scopeNode,
		Summary: "the common name is not the one required",
		Why:     "The common name is the user name: another one is authorised as somebody else, or not at all.",
		Example: "A kubelet's certificate was copied from another node.",
		Remedy:  "Issue the certificate with the expected name; a renewal would copy the wrong one.",
		Source:  sourceAuth,
		run:     checkCommonName,
	},
	{
		ID: "identity/organization-missing", Severity: Critical, scope: scopeNode,
		Summary: "a group that the component needs is absent",
		Why:     "Organizations are groups; without its group the component is authenticated and then forbidden.",
		Example: "A kubelet's certificate was made by hand without O=system:nodes.",
		Remedy:  "Issue the certificate with the expected organization.",
		Source:  sourceAuth,
		run:     checkOrganizationMissing,
	},
	{
		ID: "identity/organization-extra", Severity: Warning, scope: scopeNode,
		Summary: "a certificate carries more groups than required",
		Why:     "Whoever holds the key has the rights of every group; those of system:masters cannot be taken back.",
		Example: "apiserver-kubelet-client was issued with O=system:masters, as kubeadm did before 1.29.",
		Remedy:  "Issue the certificate without it.",
		Source:  sourceAuth,
		run:     checkOrganizationExtra,
	},
	{
		ID: "identity/organizational-unit", Severity: Warning, scope: scopeNode,
		Summary: "a group stands in OU",
		Why:     "The API server and the kubelet read groups from O alone: whoever shows the certificate is authenticated, and has the rights of no such group.",
		Example: "openssl req -subj /CN=kube-admin/OU=system:masters, as some lessons have it.",
		Remedy:  "Issue the certificate with O in place of OU.",
		Source:  sourceAuth,
		run:     checkOrganizationalUnit,
	},
	{
		ID: "identity/san-missing", Severity: Critical, scope: scopeNode,
		Summary: "a name or address by which a server is called is not in its certificate",
		Why:     "Clients that call it so refuse it: \"x509: certificate is valid for ..., not ...\".",
		Example: "A load balancer was put in front of the API servers after the certificates were made.",
		Remedy:  "Reissue the certificate with the name; a renewal copies the old ones.",
		Source:  "RFC 6125; " + sourceBest,
		run:     checkSANMissing,
	},

	{
		ID: "chain/wrong-issuer", Severity: Critical, scope: scopeNode,
		Summary: "a certificate was signed by another CA than the one required",
		Why:     "The other end does not trust that CA: \"x509: certificate signed by unknown authority\".",
		Example: "The etcd client certificate was signed by the Kubernetes CA.",
		Remedy:  "Issue it again by the right CA.",
		Source:  sourceBest,
		run:     checkWrongIssuer,
	},
	{
		ID: "chain/untrusted", Severity: Critical, scope: scopeNode,
		Summary: "the issuer's name is right and the signature is not",
		Why:     "Only the signature counts. kubeadm calls every CA \"kubernetes\", so names say nothing. Where nothing says which CA should have signed a certificate, it is a warning that none in view with the issuer's name did.",
		Example: "kubeadm reset and init made a new CA while old certificates were kept.",
		Remedy:  "Issue it again by the CA of this cluster.",
		Source:  "RFC 5280 6.1.3; " + sourceBest,
		run:     checkUntrusted,
	},
	{
		ID: "chain/ca-replaced", Severity: Critical, scope: scopeNode,
		Summary: "a CA file holds another CA than the one that signed the node's certificates",
		Why:     "Everybody who verifies with the file refuses everybody; a renewal signs with the wrong CA. It is reported once, in place of each certificate that does not verify.",
		Example: "kubeadm reset and init on one control-plane node; ca.crt of another cluster was copied over.",
		Remedy:  "Restore the file and its key, or, if the CA was replaced on purpose, finish the rotation.",
		Source:  sourceRotateCA,
		run:     checkCAReplaced,
	},
	{
		ID: "chain/shared-ca", Severity: Warning, scope: scopeNode,
		Summary: "the request-header CA is also the client CA",
		Why:     "A certificate of that CA with an allowed name may speak for anybody; with no allowed names every client certificate may.",
		Example: "--requestheader-client-ca-file and --client-ca-file name the same ca.crt.",
		Remedy:  "Give the front proxy a CA of its own.",
		Source:  sourceAggregator,
		run:     checkSharedCA,
	},
	{
		ID: "chain/signing-bundle", Severity: Critical, scope: scopeNode,
		Summary: "the signing certificate file does not hold exactly one certificate with its own key",
		Why:     "kube-controller-manager refuses to start the signer: no kubelet gets a new certificate.",
		Example: "During a rotation both CAs were put into the file that --cluster-signing-cert-file names.",
		Remedy:  "Name a file with the one certificate that signs.",
		Source:  "kubernetes pkg/controller/certificates/signer/ca_provider.go; " + sourceRotateCA,
		run:     checkSigningBundle,
	},
	{
		ID: "chain/duplicate-serial", Severity: Warning, scope: scopeNode,
		Summary: "two certificates of one CA have one serial number",
		Why:     "A CA must never use a number twice; revocation and caches cannot tell them apart.",
		Example: "openssl x509 -req -set_serial 01 in a script.",
		Remedy:  "Issue one of them again.",
		Source:  "RFC 5280 4.1.2.2",
		run:     checkDuplicateSerial,
	},
	{
		ID: "chain/rotation", Severity: Info, scope: scopeNode,
		Summary: "a CA bundle holds several CAs",
		Why:     "It is what a rotation looks like halfway; the finding tells which CA signed what, so that one sees when the old one may go.",
		Example: "ca.crt holds the old and the new CA.",
		Remedy:  "Finish the rotation.",
		Source:  sourceRotateCA,
		run:     checkRotation,
	},

	{
		ID: "usage/extended-key-usage", Severity: Critical, scope: scopeNode,
		Summary: "a certificate lacks the purpose that its use needs",
		Why:     "crypto/x509 refuses it: \"certificate specifies an incompatible key usage\".",
		Example: "etcd's serving certificate has only server auth, and etcd also presents it to itself as a client.",
		Remedy:  "Reissue the certificate with the purpose.",
		Source:  "RFC 5280 4.2.1.12; " + sourceBest,
		run:     checkExtendedKeyUsage,
	},
	{
		ID: "usage/key-usage", Severity: Warning, scope: scopeNode,
		Summary: "the key of a certificate may not be used as TLS uses it",
		Why:     "Go programs do not look; OpenSSL, and with it curl and Python, and Java refuse it: \"unsuitable certificate purpose\", \"KeyUsage does not allow digital signatures\".",
		Example: "keyUsage = nonRepudiation in the configuration of a lesson; keyEncipherment alone for a key of ECDSA.",
		Remedy:  "Reissue the certificate with digitalSignature, and keyEncipherment for a key of RSA.",
		Source:  "RFC 5280 4.2.1.3; RFC 8446 4.4.2.2",
		run:     checkKeyUsage,
	},
	{
		ID: "usage/not-a-ca", Severity: Critical, scope: scopeNode,
		Summary: "a certificate in a CA's place may not sign",
		Why:     "Nothing that it signed is accepted.",
		Example: "ca.crt was made by openssl x509 -req of OpenSSL 3.2 or later without an extension file.",
		Remedy:  "Make a CA with CA:TRUE and certificate signing.",
		Source:  "RFC 5280 4.2.1.9, 4.2.1.3",
		run:     checkNotACA,
	},

	{
		ID: "keys/mismatch", Severity: Critical, scope: scopeNode,
		Summary: "certificate and key are no pair",
		Why:     "The component does not start: \"tls: private key does not match public key\". With the key of a CA that is not its own kubeadm issues nothing (warning).",
		Example: "Only one of the two files was restored from the backup.",
		Remedy:  "Restore the pair, or reissue both.",
		Source:  "crypto/tls X509KeyPair",
		run:     checkKeyMismatch,
	},
	{
		ID: "keys/weak", Severity: Warning, scope: scopeNode,
		Summary: "a key is too short",
		Why:     "RSA below 2048 bits is not strong enough; below 1024 bits Go refuses to work with it.",
		Example: "openssl genrsa 1024 in an old script.",
		Remedy:  "Issue the certificate with a new key.",
		Source:  "NIST SP 800-131A; crypto/rsa",
		run:     checkWeakKey,
	},
	{
		ID: "keys/weak-signature", Severity: Critical, scope: scopeNode,
		Summary: "a certificate is signed with SHA-1 or MD5",
		Why:     "Go programs, and so every Kubernetes component, refuse it since Go 1.18.",
		Example: "An old company CA signs with SHA-1.",
		Remedy:  "Issue it again with SHA-256.",
		Source:  "https://go.dev/doc/go1.18#sha1",
		run:     checkWeakSignature,
	},
	{
		ID: "keys/reused", Severity: Warning, scope: scopeNode,
		Summary: "two certificates of different roles have one key",
		Why:     "Who gets hold of one of them can act as the other.",
		Example: "One key was used for every request in a script.",
		Remedy:  "Issue one of them with a key of its own.",
		Source:  "NIST SP 800-57 part 1, 5.2",
		run:     checkReusedKey,
	},
	{
		ID: "keys/service-account", Severity: Critical, scope: scopeNode,
		Summary: "the key that signs service account tokens is not among those that verify them",
		Why:     "The API server refuses every token: pods and controllers get \"Unauthorized\".",
		Example: "sa.key was replaced on one node and not copied to the others.",
		Remedy:  "Copy the pair from a node where tokens work.",
		Source:  "https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/",
		run:     checkServiceAccount,
	},

	{
		ID: "files/missing", Severity: Critical, scope: scopeNode,
		Summary: "a flag or field names a file that is not there",
		Why:     "The component does not start.",
		Example: "apiserver-etcd-client.key was deleted; or a path in a container that no volume brings in.",
		Remedy:  "Restore the file, reissue it, or correct the flag.",
		Source:  sourceBest,
		run:     checkMissing,
	},
	{
		ID: "files/dangling-link", Severity: Critical, scope: scopeNode,
		Summary: "a link leads to nothing",
		Why:     "The component does not start, or keeps what it has until it is restarted.",
		Example: "The file that kubelet-client-current.pem leads to was cleaned up.",
		Remedy:  "Lead the link to the newest file, or reissue the certificate.",
		Source:  sourceBootstrap,
		run:     checkDanglingLink,
	},
	{
		ID: "files/malformed", Severity: Critical, scope: scopeNode,
		Summary: "a file cannot be parsed, wholly or in one block",
		Why:     "Some readers fail, others pass over the block in silence and miss a CA. What encoding/pem reads is what components read: they do not read key stores, keys with a passphrase, or a block that does not begin its line.",
		Example: "A certificate was pasted into a bundle and lost a line; an editor wrote a byte order mark; --tls-cert-file names PKCS#12.",
		Remedy:  "Correct the file where the message says what is wrong with it, else restore it.",
		Source:  "RFC 7468; encoding/pem",
		run:     checkMalformed,
	},
	{
		ID: "files/permissions", Severity: Warning, scope: scopeNode,
		Summary: "a file can be read or written by others than it should",
		Why:     "A key that others can read is a key that others have. A kubeconfig or Secret that holds one is judged as the key is. Of files that belong to no node, modes count neither in an archive nor in a work tree of git, nor below a folder that others may not enter.",
		Example: "A tree was restored with the umask of a user.",
		Remedy:  "chmod.",
		Source:  "CIS Kubernetes Benchmark 1.1, 4.1",
		run:     checkPermissions,
	},
	{
		ID: "files/unreferenced", Severity: Info, scope: scopeNode,
		Summary: "a certificate file that no component names",
		Why:     "It was not judged. It may be a leftover, or what a mistyped flag should have named. Said only where every component of the node was read; keys of CAs, and files in folders that a program reads of which no more is known, are left out.",
		Example: "apiserver.crt.pem beside apiserver.crt.",
		Remedy:  "Correct the flag, or put it aside; a key may be the only copy.",
		Source:  sourceBest,
		run:     checkUnreferenced,
	},

	{
		ID: "flags/unknown", Severity: Critical, scope: scopeNode,
		Summary: "a flag that the component does not have, and that concerns certificates",
		Why:     "A component that is given a flag it does not know does not start; etcd ignores a variable or key that it does not know, and from 3.4 on does not start where a variable and a flag say the same; the kubelet and kube-proxy ignore a field of their configuration, with which the scheduler does not start. Where the component's version is not known, or newer than what is known here, it is a warning that no release has the flag, and an info that some have it and some have not. A flag that does not look like one of certificates is not judged, nor is what the vendor of a build may have added: that is an info.",
		Example: "--etcd-ca-file in place of --etcd-cafile; --insecure-port, which went with 1.24, after an upgrade.",
		Remedy:  "Write the flag that was meant, or take it out.",
		Source:  "github.com/spf13/pflag; etcd server/etcdmain/config.go",
		run:     checkUnknownFlag,
	},
	{
		ID: "flags/missing", Severity: Critical, scope: scopeNode,
		Summary: "a flag is not set without which a component does not start, or refuses others",
		Why:     "Without --client-ca-file the API server takes nobody's certificate and everybody is locked out; without a CA of their own, clients verify with the host's roots, which have not signed the cluster's certificates.",
		Example: "--client-ca-file was lost when the manifest was edited; --tls-cert-file without --tls-private-key-file.",
		Remedy:  "Set the flag.",
		Source:  sourceAuth,
		run:     checkMissingFlag,
	},
	{
		ID: "flags/service-range", Severity: Warning, scope: scopeNode,
		Summary: "kube-controller-manager has another service range than kube-apiserver",
		Why:     "One of the two is not what was meant. Pods call the API server by the first address of kube-apiserver's range, which its certificate must hold; kube-controller-manager gives pods addresses outside of its own.",
		Example: "--service-cluster-ip-range is not set on kube-apiserver, which then takes 10.0.0.0/24.",
		Remedy:  "Give both the same range, in the same order.",
		Source:  "kubernetes pkg/controlplane/apiserver/options/options.go, cmd/kube-controller-manager/app/options/nodeipamcontroller.go",
		run:     checkServiceRanges,
	},

	{
		ID: "kubelet/embedded-client", Severity: Warning, scope: scopeNode,
		Summary: "kubelet.conf embeds or names a certificate that rotation never updates",
		Why:     "The kubelet rotates a file beside it; a year later the one in kubelet.conf has expired and the kubelet does not start again.",
		Example: "kubeadm init before 1.17, a kubelet.conf made by kubeadm kubeconfig user, or one that names kubelet-client.crt.",
		Remedy:  "Name kubelet-client-current.pem in kubelet.conf.",
		Source:  "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/troubleshooting-kubeadm/#kubelet-client-cert",
		run:     checkEmbeddedClient,
	},
	{
		ID: "kubelet/link", Severity: Warning, scope: scopeNode,
		Summary: "kubelet-client-current.pem is no link, or leads to an older file",
		Why:     "The kubelet loads an old certificate when it starts.",
		Example: "The folder was copied without its links.",
		Remedy:  "Make the link to the newest file.",
		Source:  "k8s.io/client-go util/certificate/certificate_store.go",
		run:     checkLink,
	},
	{
		ID: "kubelet/serving-unapproved", Severity: Warning, scope: scopeNode,
		Summary: "the kubelet asked for a serving certificate and has none",
		Why:     "Nothing approves kubelet-serving requests by itself; until somebody does, logs, exec and metrics fail.",
		Example: "serverTLSBootstrap: true was set and the request waits.",
		Remedy:  "kubectl certificate approve.",
		Source:  sourceBootstrap,
		run:     checkServingUnapproved,
	},
	{
		ID: "kubelet/serving-self-signed", Severity: Info, scope: scopeNode,
		Summary: "the kubelet serves a certificate that it made for itself",
		Why:     "It is the default: nobody can verify it, and the API server does not try.",
		Example: "Every node that kubeadm sets up.",
		Remedy:  "Set serverTLSBootstrap, and --kubelet-certificate-authority on the API server.",
		Source:  sourceBootstrap,
		run:     checkServingSelfSigned,
	},

	{
		ID: "served/differs", Severity: Critical, scope: scopeNode,
		Summary: "a component serves another certificate than the one on disk",
		Why:     "Only what is served counts: a renewed file is worth nothing while the old certificate is shown. Asked for with --probe.",
		Example: "kubeadm certs renew was run and the static pods were not restarted.",
		Remedy:  "Restart the component.",
		Source:  sourceRenewal,
		run:     checkServedDiffers,
	},
	{
		ID: "served/unreachable", Severity: Info, scope: scopeNode,
		Summary: "an endpoint could not be asked for its certificate",
		Why:     "What it serves was not compared with the file.",
		Example: "The component does not run.",
		Remedy:  "Look at the component's log.",
		Source:  sourceRenewal,
		run:     checkServedUnreachable,
	},
	{
		ID: "served/stale", Severity: Warning, scope: scopeNode,
		Summary: "a file was written after the process that reads it once had started",
		Why:     "The process goes on with what was there before, and fails when that expires.",
		Example: "controller-manager.conf was renewed and kube-controller-manager was not restarted.",
		Remedy:  "Restart the component.",
		Source:  "kubernetes#79083; etcd client/pkg/transport; " + sourceRenewal,
		run:     checkServedStale,
	},

	{
		ID: "processes/differs", Severity: Warning, scope: scopeNode,
		Summary: "a component runs with other flags than the file says that starts it",
		Why:     "What runs is judged; with its next start the component takes what the file says, which nobody has seen work. Asked for with --from-processes. Only flags that concern certificates are compared, and not how they are written: their order, a default that is written out, the order of a list in which it means nothing.",
		Example: "kube-apiserver.yaml was edited while the kubelet was stopped, or so that the kubelet refuses it; a unit was changed without systemctl daemon-reload and a restart.",
		Remedy:  "Decide which of the two is right: correct the file, or have the component take it up.",
		Source:  "proc_pid_cmdline(5); " + sourceStaticPod,
		run:     checkProcessDiffers,
	},
	{
		ID: "processes/missing", Severity: Warning, scope: scopeNode,
		Summary: "a component that a manifest or unit starts does not run",
		Why:     "It does not do its work, whatever its certificates are. Said only where processes of other components are seen, with --from-processes, and of a static pod only where the kubelet runs. What a distribution such as k3s runs within its own process cannot be seen.",
		Example: "etcd ends at its start because a certificate is not to be read.",
		Remedy:  "Look at the component's log.",
		Source:  "proc(5); " + sourceStaticPod,
		run:     checkProcessMissing,
	},
	{
		ID: "processes/unfiled", Severity: Info, scope: scopeNode,
		Summary: "a component runs that no file of the node starts",
		Why:     "What it runs with is judged, and is gone with the next restart of the node. Not said where nothing on the node is started by files that are known, as by RKE, nor of what the API server has placed. Asked for with --from-processes.",
		Example: "A kube-proxy that somebody started by hand; a manifest that was removed while the kubelet was stopped.",
		Remedy:  "Find out what has started it.",
		Source:  "proc(5)",
		run:     checkProcessUnfiled,
	},
	{
		ID: "processes/twice", Severity: Warning, scope: scopeNode,
		Summary: "two processes of one component that cannot both be in use",
		Why:     "They are to listen on the same ports; which of them answers is not known, and what the second names is not judged. Asked for with --from-processes.",
		Example: "The kubelet of a package runs beside one that was started by hand.",
		Remedy:  "End the one that is left over.",
		Source:  "proc(5)",
		run:     checkProcessTwice,
	},

	{
		ID: "connections/server-untrusted", Severity: Critical, scope: scopeNode,
		Summary: "a client does not accept the server that it dials",
		Why:     "What the client verifies with does not verify the server's certificate: \"x509: certificate signed by unknown authority\".",
		Example: "A kubeconfig still embeds the CA of before a rotation.",
		Remedy:  "Give the client the CA that signed the server's certificate.",
		Source:  sourceBest,
		run:     checkServerUntrusted,
	},
	{
		ID: "connections/server-name", Severity: Critical, scope: scopeNode,
		Summary: "the address that a client dials is not in the server's certificate",
		Why:     "The client refuses the server: \"x509: certificate is valid for ..., not ...\".",
		Example: "A kubeconfig calls the API server by a name that was never put into its certificate.",
		Remedy:  "Dial another name, or reissue the certificate with this one.",
		Source:  "RFC 6125; " + sourceBest,
		run:     checkServerName,
	},
	{
		ID: "connections/address", Severity: Warning, scope: scopeNode,
		Summary: "a component calls its server by an address that the server does not have",
		Why:     "Nothing answers there, or somebody else does; that the old address still stands in a certificate hides it. The ports of etcd are compared as well.",
		Example: "The address of the node has changed, and controller-manager.conf and scheduler.conf still hold the old one.",
		Remedy:  "Correct the address in the kubeconfig or flag, then restart what reads it.",
		Source:  "kubernetes#94398; " + sourceBest,
		run:     checkAddress,
	},
	{
		ID: "connections/client-untrusted", Severity: Critical, scope: scopeNode,
		Summary: "a server does not accept the client's certificate",
		Why:     "The client is refused at the handshake, or is nobody: \"Unauthorized\".",
		Example: "The kubelet's clientCAFile is not the CA that signed the API server's kubelet client certificate.",
		Remedy:  "Give the server the CA that signed the client's certificate, or renew it.",
		Source:  sourceAuth,
		run:     checkClientUntrusted,
	},
	{
		ID: "connections/identity", Severity: Critical, scope: scopeNode,
		Summary: "a client is verified as somebody else than the server expects",
		Why:     "The handshake succeeds and the request is forbidden.",
		Example: "The front proxy's certificate has a name that --requestheader-allowed-names does not list.",
		Remedy:  "Issue the certificate with the expected name and groups.",
		Source:  sourceAuth,
		run:     checkConnectionIdentity,
	},

	{
		ID: checkWaiverEnded, Severity: Warning, scope: scopePolicy,
		Summary: "a waiver has ended and what it waived is still there",
		Why:     "The finding counts again.",
		Example: "The two weeks that the team gave itself are over.",
		Remedy:  "Fix what was waived, or extend the waiver.",
		Source:  "docs/policy.md",
	},

	{
		ID: checkWaiverUnused, Severity: Info, scope: scopePolicy,
		Summary: "a waiver matches nothing",
		Why:     "What it waived is fixed, or the waiver never matched.",
		Example: "A path was misspelt.",
		Remedy:  "Remove the waiver, or correct it.",
		Source:  "docs/policy.md",
	},

	{
		ID: "input/unreadable", Severity: Info, scope: scopeNode | scopeRequests,
		Summary: "a file or folder could not be read",
		Why:     "What it holds was not judged; the audit is incomplete. A static pod's manifest that cannot be read is a warning, and so is a host that certaudit collect did not reach. What cannot be read for lack of permission is one finding.",
		Example: "The audit runs without root's rights.",
		Remedy:  "Run as root.",
		Source:  sourceBest,
		run:     checkUnreadable,
	},
	{
		ID: "input/undecodable", Severity: Warning, scope: scopeNode | scopeRequests,
		Summary: "a file is not of the format it should be",
		Why:     "The component that reads it does not start or ignores it; here, what it names was not judged.",
		Example: "A manifest with a tab in its indentation.",
		Remedy:  "Correct the file.",
		Source:  sourceStaticPod,
		run:     checkUndecodable,
	},
	{
		ID: "input/unsupported", Severity: Info, scope: scopeNode | scopeRequests,
		Summary: "something well-formed is not understood here",
		Why:     "It was not judged, or only its certificates were. It is a fault only where a component is to read it: files/malformed.",
		Example: "A volume of the API server's that is no hostPath; a PKCS#12 key store, a revocation list or a key of SSH in a folder that is audited.",
		Remedy:  "Look at it by hand; --keystore-password-file, or certaudit inspect, opens key stores with their password.",
		Source:  sourceStaticPod,
		run:     checkUnsupported,
	},
	{
		ID: "input/component-unread", Severity: Warning, scope: scopeNode,
		Summary: "a component that is there, or must be, was not read",
		Why:     "Nothing that it is configured with was judged: the certificates, flags and connections of it may be wrong and the report says nothing of them.",
		Example: "A manifest without \"kind: Pod\", with \"containers\" or the program misspelt; a unit that starts a script; kube-apiserver.yaml was deleted while apiserver.crt lies there.",
		Remedy:  "Correct or restore the manifest or unit.",
		Source:  sourceStaticPod,
		run:     checkComponentUnread,
	},
	{
		ID: "input/duplicate-component", Severity: Critical, scope: scopeNode,
		Summary: "two static pods or units start one component",
		Why:     "The kubelet reads every file of its manifest folder, whatever its suffix; of two pods of one name it runs one, and which is chance, so that old flags come back. Of a static pod and a service of systemd one fails to start (warning).",
		Example: "kube-apiserver.yaml.bak in /etc/kubernetes/manifests.",
		Remedy:  "Move the copy out of the folder, or disable the unit.",
		Source:  sourceStaticPod,
		run:     checkDuplicateComponent,
	},
	{
		ID: "input/unknown-version", Severity: Info, scope: scopeNode,
		Summary: "the Kubernetes version is outside of the requirement table",
		Why:     "The nearest version of the table was taken; what changed since is not known here.",
		Example: "A cluster newer than this program.",
		Remedy:  "Look for a newer release.",
		Source:  sourceSkew,
		run:     checkUnknownVersion,
	},

	{
		ID: "objects/ca-bundle", Severity: Critical, scope: scopeObjects,
		Summary: "a caBundle does not verify the certificate of the service that it is for, or there is none",
		Why:     "The API server refuses the webhook, conversion or extension API: requests fail, or with failurePolicy Ignore go through unchecked. Without a caBundle it verifies with the roots of the system it runs on.",
		Example: "The serving certificate was reissued by a new CA, and the caBundle was not changed; cert-manager.io/inject-ca-from is set, and the injector does not run.",
		Remedy:  "Put the CA of the serving certificate into the caBundle.",
		Source:  sourceWebhook,
		run:     checkCABundle,
	},
	{
		ID: "objects/service-name", Severity: Critical, scope: scopeObjects,
		Summary: "the certificate of a service that the API server calls does not have the service's name",
		Why:     "The API server calls it SERVICE.NAMESPACE.svc and accepts no other name.",
		Example: "A webhook was moved to another namespace with its old certificate.",
		Remedy:  "Issue the certificate with the DNS name SERVICE.NAMESPACE.svc.",
		Source:  sourceWebhook,
		run:     checkServiceName,
	},
	{
		ID: "objects/chain", Severity: Warning, scope: scopeObjects,
		Summary: "the certificates of a Secret do not make a chain",
		Why:     "A server sends what stands in tls.crt; a client that has only the root cannot bridge a gap. With another certificate in front of the leaf the server does not start, which is critical.",
		Example: "tls.crt holds the leaf alone, and an intermediate signed it; or the root, the intermediate and the leaf, in this order.",
		Remedy:  "Put the leaf, then each issuer behind what it signed, into tls.crt.",
		Source:  "RFC 8446 4.4.2; " + sourceSecret,
		run:     checkObjectChain,
	},
	{
		ID: "objects/incomplete", Severity: Warning, scope: scopeObjects,
		Summary: "a Secret of type kubernetes.io/tls lacks its certificate or key",
		Why:     "Whoever mounts it, an ingress controller say, cannot serve with it.",
		Example: "A placeholder that an operator never filled.",
		Remedy:  "Fill it, or remove it.",
		Source:  sourceSecret,
		run:     checkIncompleteSecret,
	},
	{
		ID: "objects/key-exposed", Severity: Critical, scope: scopeObjects,
		Summary: "a private key stands in a ConfigMap",
		Why:     "ConfigMaps are not encrypted at rest and many may read them.",
		Example: "A whole folder of certificates was put into a ConfigMap.",
		Remedy:  "Move it to a Secret, and issue the certificate with a new key.",
		Source:  sourceSecret,
		run:     checkExposedKey,
	},
	{
		ID: "objects/drift", Severity: Warning, scope: scopeObjects,
		Summary: "a copy of the cluster's CA in an object differs from the CA",
		Why:     "Pods and joining nodes verify with the copy: they refuse the API server, or trust a CA that is gone.",
		Example: "The CA was replaced on the nodes, and kube-controller-manager was not restarted to publish it.",
		Remedy:  "Restart the component that publishes the copy. Nothing publishes that of cluster-info: change it by hand.",
		Source:  sourceRotateCA,
		run:     checkDrift,
	},
	{
		ID: "objects/kubeconfig", Severity: Warning, scope: scopeObjects,
		Summary: "a kubeconfig in a ConfigMap does not fit the API server",
		Why:     "Whoever reads it, kube-proxy or a node that joins, refuses the API server: its address is not in the certificate, or its CA did not sign it.",
		Example: "The address of a node was changed, and the ConfigMap kube-proxy still calls the old one.",
		Remedy:  "kubectl edit the ConfigMap, then restart what reads it.",
		Source:  "kubernetes cmd/kubeadm/app/phases/addons/proxy; RFC 6125",
		run:     checkObjectKubeconfig,
	},
	{
		ID: "objects/rbac", Severity: Critical, scope: scopeObjects,
		Summary: "no ClusterRoleBinding gives a certificate of kubeadm's the rights that it needs",
		Why:     "kubeadm 1.29 took system:masters from its certificates, and later versions every group from that of the API server's kubelet client: their rights are in ClusterRoleBindings.",
		Example: "apiserver-kubelet-client was reissued by kubeadm 1.35.5, and kubeadm upgrade apply, which makes the binding, was not run.",
		Remedy:  "kubectl create clusterrolebinding.",
		Source:  "kubernetes#138957",
		run:     checkRBAC,
	},
	{
		ID: "objects/config", Severity: Warning, scope: scopeObjects,
		Summary: "a configuration that kubeadm keeps in the cluster does not fit",
		Why:     "It comes into force with the next node or the next renewal from configuration, as a surprise.",
		Example: "A name was added to certSANs in kubeadm-config and the certificate was not reissued.",
		Remedy:  "Reissue the certificate, or correct the configuration.",
		Source:  sourceKubeadm,
		run:     checkClusterConfig,
	},
	{
		ID: "objects/cert-manager", Severity: Warning, scope: scopeObjects,
		Summary: "a cert-manager Certificate is not ready, or its Secret is not what it asks for",
		Why:     "The certificate that is served is an old one, and will not be renewed.",
		Example: "The issuer refuses a new name; the Secret keeps the certificate without it.",
		Remedy:  "kubectl describe the Certificate and its CertificateRequest.",
		Source:  sourceCertManager,
		run:     checkCertManager,
	},
	{
		ID: "objects/pod-certificate", Severity: Warning, scope: scopeObjects,
		Summary: "a PodCertificateRequest failed, or was answered with another certificate than asked for",
		Why:     "The pod does not start, or has a certificate that does not belong to its key.",
		Example: "A signer that is not running, or ignores maxExpirationSeconds.",
		Remedy:  "Look at the signer's log.",
		Source:  sourcePodRequest,
		run:     checkPodCertificate,
	},

	{
		ID: "cluster/same-node", Severity: Warning, scope: scopeCluster,
		Summary:    "a node is there twice",
		Why:        "One of the two is not what the node is now, or two machines have one name: whoever has it can act as the other. Between nodes the latest counts. What shows exactly the same is info.",
		Example:    "Snapshots of last month lie in the folder beside those of today.",
		Remedy:     "Leave the older one out; give each machine a name of its own.",
		Source:     "https://kubernetes.io/docs/concepts/architecture/nodes/#node-name-uniqueness",
		runCluster: checkSameNode,
	},
	{
		ID: "cluster/snapshot-age", Severity: Warning, scope: scopeNodes,
		Summary:    "a snapshot is too old, or from the future",
		Why:        "What was renewed since is not seen, and what has ended since looks sound. From 7 days on it is info, from 30 days on a warning.",
		Example:    "The job that collects snapshots does not reach one node any more.",
		Remedy:     "Take another snapshot.",
		Source:     sourceRenewal,
		runCluster: checkSnapshotAge,
	},
	{
		ID: "cluster/ca-differs", Severity: Critical, scope: scopeNodes,
		Summary:    "nodes of one cluster trust different CAs",
		Why:        "What one signs the others refuse. CAs are compared by their keys: one that was renewed with its key is the same. A rotation that is under way is cluster/rotation; front-proxy CAs that differ are a warning, since the API servers gather all of them for the extension API servers. Sets of nodes with different CAs count as one cluster where they have the keys of service accounts or the front-proxy CA in common.",
		Example:    "kubeadm init was run a second time on a control plane that should have joined.",
		Remedy:     "Restore the CA that signed what the nodes present.",
		Source:     sourceBest,
		runCluster: checkCADiffers,
	},
	{
		ID: "cluster/rotation", Severity: Info, scope: scopeCluster,
		Summary:    "a CA is being rotated",
		Why:        "The finding tells which nodes trust the old CA, both, or the new one, what each has signed, which step comes next and whom it would cut off. It is critical where nodes already refuse what one of the two has signed.",
		Example:    "The new CA was brought to the control planes, and not yet to the workers.",
		Remedy:     "First both CAs everywhere, then let the new one sign, then issue everything again, then take the old one away.",
		Source:     sourceRotateCA,
		runCluster: checkClusterRotation,
	},
	{
		ID: "cluster/service-account-differs", Severity: Critical, scope: scopeCluster,
		Summary:    "an API server refuses the service account tokens of another control plane",
		Why:        "Pods and controllers get \"Unauthorized\" whenever they reach the other one. Keys that all verify with are enough: they need not be the same during a change.",
		Example:    "kubeadm made a new sa.key on a control plane to which the old one was not copied; --service-account-issuer was changed on one of three.",
		Remedy:     "Give every control plane the same pair and the same issuer.",
		Source:     "https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/",
		runCluster: checkServiceAccountDiffers,
	},
	{
		ID: "cluster/copied-leaf", Severity: Critical, scope: scopeCluster,
		Summary:    "a node has the certificate or key of another one",
		Why:        "To whoever verifies it the node is the other one: it is refused, or acts in its name. It is info where the names of all nodes are in the certificate, as with one certificate for each kind of server, and for the kubelet's self-signed one. What control planes share on purpose does not count: CAs, service account keys, and clients that are no node's own.",
		Example:    "A virtual machine was cloned with /var/lib/kubelet; /etc/kubernetes/pki was copied as a whole to another control plane.",
		Remedy:     "Issue a certificate of its own with a new key.",
		Source:     "https://kubernetes.io/docs/reference/access-authn-authz/node/; " + sourceBest,
		runCluster: checkCopiedLeaf,
	},
	{
		ID: "cluster/duplicate-serial", Severity: Warning, scope: scopeCluster,
		Summary:    "certificates of one CA on different nodes have one serial number",
		Why:        "A CA must never use a number twice; revocation and caches cannot tell them apart.",
		Example:    "openssl x509 -req -set_serial 01 in a script that is run on each node.",
		Remedy:     "Issue one of them again.",
		Source:     "RFC 5280 4.1.2.2",
		runCluster: checkClusterSerial,
	},
	{
		ID: "cluster/etcd-members", Severity: Warning, scope: scopeCluster,
		Summary:    "members of etcd disagree on their addresses",
		Why:        "Two members that give out one address are not both reached. A list of members that is out of date is info: etcd reads --initial-cluster only as it starts without data.",
		Example:    "etcd.yaml was copied from another control plane.",
		Remedy:     "Correct the address; compare with etcdctl member list.",
		Source:     "https://etcd.io/docs/latest/op-guide/clustering/",
		runCluster: checkClusterEtcd,
	},
	{
		ID: "cluster/server-name", Severity: Critical, scope: scopeCluster,
		Summary:    "a server's certificate lacks the name by which another node dials it",
		Why:        "The client refuses it: \"x509: certificate is valid for ..., not ...\". Connections are judged with the certificates of both nodes; behind a load balancer each API server may be reached.",
		Example:    "A control plane joined before the load balancer had its name; the kubelets of the workers dial it.",
		Remedy:     "Reissue the certificate with the name; a renewal copies the old ones.",
		Source:     "RFC 6125; " + sourceBest,
		runCluster: checkClusterServerName,
	},
	{
		ID: "cluster/refused", Severity: Critical, scope: scopeCluster,
		Summary:    "one node refuses what another one presents",
		Why:        "The connection fails, although each of the two nodes is sound alone. Where CAs or copies are the cause, the connections are listed there.",
		Example:    "The peer certificate of an etcd member was signed by a CA that the other members do not have.",
		Remedy:     "Put the CA that signed it into what the other end verifies with, or have the right CA sign it.",
		Source:     "RFC 5280 6.1.3; " + sourceBest,
		runCluster: checkClusterRefused,
	},
	{
		ID: "cluster/settings-differ", Severity: Warning, scope: scopeCluster,
		Summary:    "control planes demand different things of clients",
		Why:        "Who is let in, and as whom, depends on which API server is reached. Critical where only one takes client certificates, only one encrypts what the others must read, or one encrypts with a key that another does not have; of keys the names and their order are compared. A key that is being replaced as documented is info.",
		Example:    "A flag was added to the manifest of one control plane by hand.",
		Remedy:     "Set the flag alike everywhere.",
		Source:     "https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/",
		runCluster: checkSettingsDiffer,
	},
	{
		ID: "cluster/kubelet-behind", Severity: Warning, scope: scopeCluster,
		Summary:    "a kubelet does not rotate its certificate, and others do",
		Why:        "The node drops out when the certificate ends; on the others nobody has to think of it.",
		Example:    "A node that joined before rotation was switched on.",
		Remedy:     "Set rotateCertificates.",
		Source:     sourceBootstrap,
		runCluster: checkKubeletBehind,
	},
	{
		ID: "cluster/version-skew", Severity: Warning, scope: scopeCluster,
		Summary:    "API servers are more than one minor version apart, or do not support the version of a kubelet",
		Why:        "It is not supported, and certificates are requested and admitted by different rules. The versions of kubelets are those of Node objects among the input.",
		Example:    "An upgrade ended halfway.",
		Remedy:     "Finish the upgrade.",
		Source:     sourceSkew,
		runCluster: checkVersionSkew,
	},
	{
		ID: "cluster/not-in-view", Severity: Info, scope: scopeCluster,
		Summary:    "nodes that others or Node objects speak of are not among the input, or nodes not among the Node objects",
		Why:        "What is there was not judged.",
		Example:    "The snapshot of one control plane is missing.",
		Remedy:     "Audit them as well.",
		Source:     sourceBest,
		runCluster: checkNotInView,
	},

	{
		ID: "csr/undecodable", Severity: Critical, scope: scopeRequests,
		Summary: "a request, or what was issued for it, cannot be decoded",
		Why:     "The API server refuses the object, and nobody can tell what would be signed.",
		Example: "The placeholder of a tutorial was left in spec.request; base64 was applied twice; a private key was pasted in place of the request.",
		Remedy:  "Encode the PEM once: base64 -w0 < jane.csr.",
		Source:  sourceCSR,
		run:     checkRequestDecodes,
	},
	{
		ID: "csr/refused", Severity: Critical, scope: scopeRequests,
		Summary: "the API server refuses an object like this",
		Why:     "kubectl apply fails, or the cluster has ceased to serve such objects.",
		Example: "No signerName; a usage misspelt; the fields of spec at the top level, because their indentation was lost.",
		Remedy:  "Correct the manifest.",
		Source:  "kubernetes pkg/apis/certificates/validation/validation.go; " + sourceCSR,
		run:     checkRequestAccepted,
	},
	{
		ID: "csr/signature", Severity: Critical, scope: scopeRequests,
		Summary: "a request is not signed with the key that it holds",
		Why:     "Whoever sent it does not prove to have the key; kube-controller-manager does not sign it.",
		Example: "The request was altered after it was made, or its key was swapped for another's.",
		Remedy:  "Deny it; have a new one made.",
		Source:  "RFC 2986 4.2; kubernetes pkg/controller/certificates/authority/authority.go",
		run:     checkRequestSignature,
	},
	{
		ID: "csr/weak-key", Severity: Warning, scope: scopeRequests,
		Summary: "the key of a request is too short, or of a kind that is not signed",
		Why:     "The certificate would be as weak as its key for all of its life.",
		Example: "openssl genrsa 1024 in an old script.",
		Remedy:  "Deny it; make a new key of RSA-2048, ECDSA-P256 or better.",
		Source:  "NIST SP 800-131A; crypto/rsa",
		run:     checkRequestKey,
	},
	{
		ID: "csr/signer", Severity: Warning, scope: scopeRequests,
		Summary: "nothing signs for the signer that is named",
		Why:     "Names in kubernetes.io/ belong to Kubernetes, and kube-controller-manager has four of them; a request to any other waits until it is removed.",
		Example: "signerName: kubernetes.io/kube-apiserver-serving, which does not exist as a signer.",
		Remedy:  "Name a signer that there is.",
		Source:  sourceSigners,
		run:     checkRequestSigner,
	},
	{
		ID: "csr/privileged", Severity: Critical, scope: scopeRequests,
		Summary: "a request asks for a name or a group that has rights of its own",
		Why:     "Whoever holds the certificate has them until it ends; there is no revocation, and no RBAC rule takes those of system:masters back.",
		Example: "O=system:masters in a request made by openssl; CN=system:kube-scheduler.",
		Remedy:  "Deny it; ask for a group of one's own and bind a role to it.",
		Source:  sourceAuth,
		run:     checkRequestPrivileges,
	},
	{
		ID: "csr/usages", Severity: Critical, scope: scopeRequests,
		Summary: "a request asks its signer for usages that the signer refuses",
		Why:     "Approved or not, it ends as Failed with the reason SignerValidationFailure.",
		Example: "usages: [server auth] asked of kubernetes.io/kube-apiserver-client.",
		Remedy:  "Create the object again with the usages that the signer allows.",
		Source:  sourceSigners,
		run:     checkRequestUsages,
	},
	{
		ID: "csr/subject", Severity: Critical, scope: scopeRequests,
		Summary: "the subject of a request is not what its signer demands",
		Why:     "Approved or not, it ends as Failed with the reason SignerValidationFailure.",
		Example: "A kubelet's request with the common name of the host and no organization.",
		Remedy:  "Make a new request.",
		Source:  sourceSigners,
		run:     checkRequestSubject,
	},
	{
		ID: "csr/organizational-unit", Severity: Warning, scope: scopeRequests,
		Summary: "a request has a group in OU",
		Why:     "The API server reads groups from O alone: with the certificate one has the rights of no such group.",
		Example: "openssl req -subj /CN=kube-admin/OU=system:masters, as some lessons have it.",
		Remedy:  "Make a new request with O in place of OU; ask for a group of one's own.",
		Source:  sourceAuth,
		run:     checkRequestUnits,
	},
	{
		ID: "csr/names", Severity: Critical, scope: scopeRequests,
		Summary: "the alternative names of a request are not what its signer demands",
		Why:     "Approved or not, it ends as Failed with the reason SignerValidationFailure.",
		Example: "A kubelet's serving request without any name; a client request that was made with the configuration of a server.",
		Remedy:  "Make a new request.",
		Source:  sourceSigners,
		run:     checkRequestNames,
	},
	{
		ID: "csr/requestor", Severity: Warning, scope: scopeRequests,
		Summary: "somebody asks for a certificate in the name of somebody else",
		Why:     "Approving it lets the requestor act as the other. An administrator may do so on purpose; a node never does. A manifest cannot say who asks: the API server ignores its username and groups.",
		Example: "system:node:worker-1 asks for system:node:worker-2.",
		Remedy:  "Deny it, unless you know why.",
		Source:  "kubernetes plugin/pkg/admission/noderestriction; " + sourceCSR,
		run:     checkRequestRequestor,
	},
	{
		ID: "csr/addresses", Severity: Critical, scope: scopeRequests,
		Summary: "a kubelet's serving request has a name or address that its Node does not have",
		Why:     "With the certificate the node could answer for somebody else. Without its Node object a name that is not the node's own by its form is a warning.",
		Example: "A node adds the address of the API server to its own.",
		Remedy:  "Deny it; compare with kubectl get node NAME -o jsonpath='{.status.addresses}'.",
		Source:  sourceBootstrap,
		run:     checkRequestAddresses,
	},
	{
		ID: "csr/lifetime", Severity: Warning, scope: scopeRequests,
		Summary: "a request asks for less than the API allows, or for longer than is wanted",
		Why:     "Below 600 seconds the API server refuses it. A certificate cannot be revoked, so its lifetime bounds the damage. The policy says what is wanted; a year if it does not.",
		Example: "expirationSeconds: 315360000.",
		Remedy:  "Create the object again with a shorter expirationSeconds.",
		Source:  sourceCSR + "#max-ttl",
		run:     checkRequestLifetime,
	},
	{
		ID: "csr/pending", Severity: Warning, scope: scopeRequests,
		Summary: "a request waits for too long",
		Why:     "Who sent it has no certificate. kube-controller-manager removes it after 24 hours. The policy says what is too long; an hour if it does not.",
		Example: "serverTLSBootstrap: true was set and nobody approves what the kubelets ask for.",
		Remedy:  "kubectl certificate approve, or deny.",
		Source:  "kubernetes pkg/controller/certificates/cleaner/cleaner.go; " + sourceCSR,
		run:     checkRequestPending,
	},
	{
		ID: "csr/not-issued", Severity: Warning, scope: scopeRequests,
		Summary: "a request was approved and no certificate was issued",
		Why:     "The signer does not run, cannot sign, or does not know of it. kube-controller-manager takes seconds; after an hour the request is removed.",
		Example: "The CA is external and kube-controller-manager has no signing key.",
		Remedy:  "Look at the signer.",
		Source:  sourceSigners,
		run:     checkRequestNotIssued,
	},
	{
		ID: "csr/denied", Severity: Info, scope: scopeRequests,
		Summary: "a request was denied",
		Why:     "Who sent it has no certificate. It is removed after an hour.",
		Example: "Somebody looked at it and said no.",
		Remedy:  "Read the reason; make a request that fits it.",
		Source:  sourceCSR,
		run:     checkRequestDenied,
	},
	{
		ID: "csr/failed", Severity: Warning, scope: scopeRequests,
		Summary: "the signer refused a request",
		Why:     "It was approved, and there will be no certificate for it.",
		Example: "Usages that the signer does not allow.",
		Remedy:  "Read the reason; make a new request.",
		Source:  sourceSigners,
		run:     checkRequestFailed,
	},
	{
		ID: "csr/unapproved", Severity: Critical, scope: scopeRequests,
		Summary: "a certificate was issued for a request that nobody approved",
		Why:     "The signer does not wait for approval, or the object was altered.",
		Example: "A signer of one's own that does not look at the conditions.",
		Remedy:  "Find out who signed it.",
		Source:  sourceCSR,
		run:     checkRequestUnapproved,
	},
	{
		ID: "csr/issued-other", Severity: Critical, scope: scopeRequests,
		Summary: "an issued certificate does not belong to its request",
		Why:     "Another key: somebody else holds it. Another subject or name: it gives other rights than those that were approved.",
		Example: "A signer of one's own answers one request with the certificate of another.",
		Remedy:  "Find out who signed it; use another signer.",
		Source:  "RFC 2986 3; " + sourceCSR,
		run:     checkIssuedFits,
	},
	{
		ID: "csr/issued-by", Severity: Critical, scope: scopeRequests,
		Summary: "an issued certificate was not signed by the signing CA",
		Why:     "Those whom it is for do not accept it: \"x509: certificate signed by unknown authority\".",
		Example: "kube-controller-manager of another control-plane node still signs with the CA of before a rotation.",
		Remedy:  "Give every kube-controller-manager the same pair, then make a new request.",
		Source:  sourceSigners,
		run:     checkIssuedBy,
	},
	{
		ID: "csr/issued-terms", Severity: Warning, scope: scopeRequests,
		Summary: "a certificate was issued with other usages, or for longer, than was asked for",
		Why:     "What was approved is not what is out there.",
		Example: "A signer of one's own adds server auth to everything.",
		Remedy:  "Find out who signed it; use another signer.",
		Source:  sourceCSR,
		run:     checkIssuedTerms,
	},

	{
		ID: "csr/controllers", Severity: Warning, scope: scopeSigning,
		Summary: "kube-controller-manager runs without a controller that requests need",
		Why:     "Requests are not approved, not signed or not removed, whatever else is in order.",
		Example: "--controllers=*,-csrsigning, because the CA is kept elsewhere.",
		Remedy:  "Take the name out of --controllers, unless something else does the work.",
		Source:  "kubernetes cmd/kube-controller-manager/names/controller_names.go; " + sourceCSR,
		run:     checkControllers,
	},
	{
		ID: "csr/signing-files", Severity: Critical, scope: scopeSigning,
		Summary: "kube-controller-manager cannot sign with the files that it is given",
		Why:     "It does not start, or leaves the signer out; approved requests wait in vain.",
		Example: "--cluster-signing-kubelet-serving-cert-file without its key file.",
		Remedy:  "Give it one CA certificate with its own key, for each signer or for all.",
		Source:  "kubernetes cmd/kube-controller-manager/app/options/csrsigningcontroller.go, pkg/controller/certificates/signer/ca_provider.go",
		run:     checkSigningFiles,
	},
	{
		ID: "csr/signing-duration", Severity: Warning, scope: scopeSigning,
		Summary: "kube-controller-manager signs for longer than is wanted",
		Why:     "Every request without expirationSeconds gets this lifetime, and no request gets a longer one. The policy says what is wanted; a year if it does not.",
		Example: "--cluster-signing-duration=87600h0m0s.",
		Remedy:  "Set a shorter --cluster-signing-duration.",
		Source:  "kubernetes cmd/kube-controller-manager/app/options/csrsigningcontroller.go; " + sourceBootstrap,
		run:     checkSigningDuration,
	},
}
