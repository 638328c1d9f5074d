package audit

import "slices"

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
	for _, c := range Checks() {
		ids = append(ids, c.ID)
	}
	return ids
}

// Checks returns every check in the order of the documentation. The slice is
// the caller's own.
func Checks() []Check {
	return slices.Concat(nodeChecks(), objectChecks(), certificateRequestChecks(), signingChecks())
}

// nodeChecks are those of [Run].
func nodeChecks() []Check {
	return []Check{
		{"validity/expired", Critical, "a certificate is past its notAfter",
			"Whoever presents it is refused with \"x509: certificate has expired or is not yet valid\".",
			"kubeadm's certificates last one year and are renewed by kubeadm upgrade; a cluster that nobody upgrades dies on its birthday.",
			"Renew it, then restart what loaded the old one.", "RFC 5280 4.1.2.5; " + sourceRenewal, checkExpired},
		{"validity/expiring", Warning, "a certificate is inside its renewal window",
			"It will expire soon: warning from 30 days on, critical from 7 (a CA: 180 and 30), or from 30 % and 10 % of its lifetime where that is shorter.",
			"The last kubeadm upgrade was eleven months ago.",
			"Renew it, then restart what loaded the old one.", sourceRenewal, checkExpiring},
		{"validity/not-yet-valid", Critical, "a certificate's notBefore lies in the future",
			"Until then it is refused as if it had expired. Ten minutes are tolerated for clocks that differ.",
			"The clock of the machine that issued it was ahead.",
			"Set the clocks, then renew the certificate.", "RFC 5280 4.1.2.5", checkNotYetValid},
		{"validity/outlives-issuer", Warning, "a certificate ends after the CA that signed it",
			"From the CA's last day on the certificate verifies no more, whatever its own date says.",
			"A leaf was renewed for a year in the last months of its CA.",
			"Replace the CA in time.", "RFC 5280 6.1.3; " + sourceRotateCA, checkOutlivesIssuer},
		{"validity/rotation-overdue", Warning, "a kubelet certificate is past 90 % of its life and was not rotated",
			"The kubelet renews between 70 % and 90 % of the lifetime; past that, the renewal does not come through and the node drops out when the certificate ends.",
			"kube-controller-manager signs nothing, or a serving request waits for approval.",
			"Read the kubelet's log, look at kubectl get csr.", "k8s.io/client-go util/certificate; " + sourceBootstrap, checkRotationOverdue},

		{"identity/common-name", Critical, "the common name is not the one required",
			"The common name is the user name: another one is authorised as somebody else, or not at all.",
			"A kubelet's certificate was copied from another node.",
			"Issue the certificate with the expected name; a renewal would copy the wrong one.", sourceAuth, checkCommonName},
		{"identity/organization-missing", Critical, "a group that the component needs is absent",
			"Organizations are groups; without its group the component is authenticated and then forbidden.",
			"A kubelet's certificate was made by hand without O=system:nodes.",
			"Issue the certificate with the expected organization.", sourceAuth, checkOrganizationMissing},
		{"identity/organization-extra", Warning, "a certificate carries more groups than required",
			"Whoever holds the key has the rights of every group; those of system:masters cannot be taken back.",
			"apiserver-kubelet-client was issued with O=system:masters, as kubeadm did before 1.29.",
			"Issue the certificate without it.", sourceAuth, checkOrganizationExtra},
		{"identity/san-missing", Critical, "a name or address by which a server is called is not in its certificate",
			"Clients that call it so refuse it: \"x509: certificate is valid for ..., not ...\".",
			"A load balancer was put in front of the API servers after the certificates were made.",
			"Make the certificate anew with the name; a renewal copies the old ones.", "RFC 6125; " + sourceBest, checkSANMissing},

		{"chain/wrong-issuer", Critical, "a certificate was signed by another CA than the one required",
			"The other end does not trust that CA: \"x509: certificate signed by unknown authority\".",
			"The etcd client certificate was signed by the Kubernetes CA.",
			"Issue it again by the right CA.", sourceBest, checkWrongIssuer},
		{"chain/untrusted", Critical, "the issuer's name is right and the signature is not",
			"Only the signature counts. kubeadm calls every CA \"kubernetes\", so names say nothing.",
			"kubeadm reset and init made a new CA while old certificates were kept.",
			"Issue it again by the CA of this cluster.", "RFC 5280 6.1.3; " + sourceBest, checkUntrusted},
		{"chain/shared-ca", Warning, "the request-header CA is also the client CA",
			"A certificate of that CA with an allowed name may speak for anybody; with no allowed names every client certificate may.",
			"--requestheader-client-ca-file and --client-ca-file name the same ca.crt.",
			"Give the front proxy a CA of its own.", sourceAggregator, checkSharedCA},
		{"chain/signing-bundle", Critical, "the signing certificate file does not hold exactly one certificate with its own key",
			"kube-controller-manager refuses to start the signer: no kubelet gets a new certificate.",
			"During a rotation both CAs were put into the file that --cluster-signing-cert-file names.",
			"Name a file with the one certificate that signs.", "kubernetes pkg/controller/certificates/signer/ca_provider.go; " + sourceRotateCA, checkSigningBundle},
		{"chain/duplicate-serial", Warning, "two certificates of one CA have one serial number",
			"A CA must never use a number twice; revocation and caches cannot tell them apart.",
			"openssl x509 -req -set_serial 01 in a script.",
			"Issue one of them again.", "RFC 5280 4.1.2.2", checkDuplicateSerial},
		{"chain/rotation", Info, "a CA bundle holds several CAs",
			"It is what a rotation looks like halfway; the finding tells which CA signed what, so that one sees when the old one may go.",
			"ca.crt holds the old and the new CA.",
			"Finish the rotation.", sourceRotateCA, checkRotation},

		{"usage/extended-key-usage", Critical, "a certificate lacks the purpose that its use needs",
			"crypto/x509 refuses it: \"certificate specifies an incompatible key usage\".",
			"etcd's serving certificate has only server auth, and etcd also presents it to itself as a client.",
			"Make the certificate anew with the purpose.", "RFC 5280 4.2.1.12; " + sourceBest, checkExtendedKeyUsage},
		{"usage/not-a-ca", Critical, "a certificate in a CA's place may not sign",
			"Nothing that it signed is accepted.",
			"ca.crt was made by openssl x509 -req of OpenSSL 3.2 or later without an extension file.",
			"Make a CA with CA:TRUE and certificate signing.", "RFC 5280 4.2.1.9, 4.2.1.3", checkNotACA},

		{"keys/mismatch", Critical, "certificate and key are no pair",
			"The component does not start: \"tls: private key does not match public key\".",
			"Only one of the two files was restored from the backup.",
			"Restore the pair, or make both anew.", "crypto/tls X509KeyPair", checkKeyMismatch},
		{"keys/weak", Warning, "a key is too short",
			"RSA below 2048 bits is not strong enough; below 1024 bits Go refuses to work with it.",
			"openssl genrsa 1024 in an old script.",
			"Issue the certificate with a new key.", "NIST SP 800-131A; crypto/rsa", checkWeakKey},
		{"keys/weak-signature", Critical, "a certificate is signed with SHA-1 or MD5",
			"Go programs, and so every Kubernetes component, refuse it since Go 1.18.",
			"An old company CA signs with SHA-1.",
			"Issue it again with SHA-256.", "https://go.dev/doc/go1.18#sha1", checkWeakSignature},
		{"keys/reused", Warning, "two certificates of different roles have one key",
			"Who gets hold of one of them can act as the other.",
			"One key was used for every request in a script.",
			"Issue one of them with a key of its own.", "NIST SP 800-57 part 1, 5.2", checkReusedKey},
		{"keys/service-account", Critical, "the key that signs service account tokens is not among those that verify them",
			"The API server refuses every token: pods and controllers get \"Unauthorized\".",
			"sa.key was made anew on one node and not copied to the others.",
			"Copy the pair from a node where tokens work.", "https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/", checkServiceAccount},

		{"files/missing", Critical, "a flag or field names a file that is not there",
			"The component does not start.",
			"apiserver-etcd-client.key was deleted; or a path in a container that no volume brings in.",
			"Restore the file, make it anew, or correct the flag.", sourceBest, checkMissing},
		{"files/dangling-link", Critical, "a link leads to nothing",
			"The component does not start, or keeps what it has until it is restarted.",
			"The file that kubelet-client-current.pem leads to was cleaned up.",
			"Lead the link to the newest file, or make the certificate anew.", sourceBootstrap, checkDanglingLink},
		{"files/malformed", Critical, "a file cannot be parsed, wholly or in one block",
			"Some readers fail, others pass over the block in silence and miss a CA.",
			"A certificate was pasted into a bundle and lost a line.",
			"Restore the file.", "RFC 7468; encoding/pem", checkMalformed},
		{"files/permissions", Warning, "a file can be read or written by others than it should",
			"A key that others can read is a key that others have.",
			"A tree was restored with the umask of a user.",
			"chmod.", "CIS Kubernetes Benchmark 1.1, 4.1", checkPermissions},
		{"files/unreferenced", Info, "a certificate file that no component names",
			"It was not judged. It may be a leftover, or what a mistyped flag should have named.",
			"apiserver.crt.pem beside apiserver.crt.",
			"Remove it, or correct the flag.", sourceBest, checkUnreferenced},

		{"kubelet/embedded-client", Warning, "kubelet.conf embeds a certificate that rotation never updates",
			"The kubelet rotates a file beside it; a year later the embedded one has expired and the kubelet does not start again.",
			"kubeadm init before 1.17, or a kubelet.conf made by kubeadm kubeconfig user.",
			"Name kubelet-client-current.pem in kubelet.conf.", "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/troubleshooting-kubeadm/#kubelet-client-cert", checkEmbeddedClient},
		{"kubelet/link", Warning, "kubelet-client-current.pem is no link, or leads to an older file",
			"The kubelet loads an old certificate when it starts.",
			"The folder was copied without its links.",
			"Make the link to the newest file.", "k8s.io/client-go util/certificate/certificate_store.go", checkLink},
		{"kubelet/serving-unapproved", Warning, "the kubelet asked for a serving certificate and has none",
			"Nothing approves kubelet-serving requests by itself; until somebody does, logs, exec and metrics fail.",
			"serverTLSBootstrap: true was set and the request waits.",
			"kubectl certificate approve.", sourceBootstrap, checkServingUnapproved},
		{"kubelet/serving-self-signed", Info, "the kubelet serves a certificate that it made for itself",
			"It is the default: nobody can verify it, and the API server does not try.",
			"Every node that kubeadm sets up.",
			"Set serverTLSBootstrap, and --kubelet-certificate-authority on the API server.", sourceBootstrap, checkServingSelfSigned},

		{"connections/server-untrusted", Critical, "a client does not accept the server that it dials",
			"What the client verifies with does not verify the server's certificate: \"x509: certificate signed by unknown authority\".",
			"A kubeconfig still embeds the CA of before a rotation.",
			"Give the client the CA that signed the server's certificate.", sourceBest, checkServerUntrusted},
		{"connections/server-name", Critical, "the address that a client dials is not in the server's certificate",
			"The client refuses the server: \"x509: certificate is valid for ..., not ...\".",
			"A kubeconfig calls the API server by a name that was never put into its certificate.",
			"Dial another name, or make the certificate anew with this one.", "RFC 6125; " + sourceBest, checkServerName},
		{"connections/client-untrusted", Critical, "a server does not accept the client's certificate",
			"The client is refused at the handshake, or is nobody: \"Unauthorized\".",
			"The kubelet's clientCAFile is not the CA that signed the API server's kubelet client certificate.",
			"Give the server the CA that signed the client's certificate, or renew it.", sourceAuth, checkClientUntrusted},
		{"connections/identity", Critical, "a client is verified as somebody else than the server expects",
			"The handshake succeeds and the request is forbidden.",
			"The front proxy's certificate has a name that --requestheader-allowed-names does not list.",
			"Issue the certificate with the expected name and groups.", sourceAuth, checkConnectionIdentity},

		{"served/differs", Critical, "a component serves another certificate than the one on disk",
			"Only what is served counts: a renewed file is worth nothing while the old certificate is shown. Asked for with --probe.",
			"kubeadm certs renew was run and the static pods were not restarted.",
			"Restart the component.", sourceRenewal, checkServedDiffers},
		{"served/unreachable", Info, "an endpoint could not be asked for its certificate",
			"What it serves was not compared with the file.",
			"The component does not run.",
			"Look at the component's log.", sourceRenewal, checkServedUnreachable},
		{"served/stale", Warning, "a file was written after the process that reads it once had started",
			"The process goes on with what was there before, and fails when that expires.",
			"controller-manager.conf was renewed and kube-controller-manager was not restarted.",
			"Restart the component.", "kubernetes#79083; etcd client/pkg/transport; " + sourceRenewal, checkServedStale},

		// Judged once for all nodes, by the policy itself.
		{checkWaiverEnded, Warning, "a waiver has ended and what it bore is still there",
			"The finding counts again.",
			"The two weeks that the team gave itself are over.",
			"Mend what was waived, or decide anew.", "docs/policy.md", func(*pass) {}},
		{checkWaiverUnused, Info, "a waiver matches nothing",
			"What it bore is mended, or the waiver never matched.",
			"A path was misspelt.",
			"Remove the waiver, or correct it.", "docs/policy.md", func(*pass) {}},

		{"input/unreadable", Info, "a file or folder could not be read",
			"What it holds was not judged; the audit is incomplete.",
			"The audit runs without root's rights.",
			"Run as root.", sourceBest, checkUnreadable},
		{"input/undecodable", Warning, "a file is not of the format it should be",
			"The component that reads it does not start or ignores it; here, what it names was not judged.",
			"A manifest with a tab in its indentation.",
			"Correct the file.", sourceStaticPod, checkUndecodable},
		{"input/unsupported", Info, "something well-formed is not understood here",
			"It was not judged.",
			"A ConfigMap in the folder of static pods.",
			"Look at it by hand.", sourceStaticPod, checkUnsupported},
		{"input/duplicate-component", Warning, "two static pods or units start one component",
			"The kubelet runs every file of its manifest folder, whatever its suffix; which of two wins is chance. Of a static pod and a service of systemd one fails to start.",
			"kube-apiserver.yaml.bak in /etc/kubernetes/manifests.",
			"Move the copy out of the folder, or disable the unit.", sourceStaticPod, checkDuplicateComponent},
		{"input/unknown-version", Info, "the Kubernetes version is outside of the requirement table",
			"The nearest version of the table was taken; what changed since is not known here.",
			"A cluster newer than this program.",
			"Look for a newer release.", sourceSkew, checkUnknownVersion},
	}
}
