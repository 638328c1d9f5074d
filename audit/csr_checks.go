package audit

import "slices"

// certificateRequestChecks are those of certificate signing requests, judged
// once for all of them.
func certificateRequestChecks() []Check {
	return []Check{
		{"csr/undecodable", Critical, "a request, or what was issued for it, cannot be decoded",
			"The API server refuses the object, and nobody can tell what would be signed.",
			"The placeholder of a tutorial was left in spec.request; base64 was applied twice; a private key was pasted in place of the request.",
			"Encode the PEM once: base64 -w0 < jane.csr.", sourceCSR, checkRequestDecodes},
		{"csr/refused", Warning, "the API server refuses an object like this",
			"kubectl apply fails, or the cluster has ceased to serve such objects.",
			"apiVersion: certificates.k8s.io/v1beta1, which is gone since Kubernetes 1.22; no signerName; a usage misspelt.",
			"Correct the manifest.", "kubernetes pkg/apis/certificates/validation/validation.go; " + sourceCSR, checkRequestAccepted},
		{"csr/signature", Critical, "a request is not signed with the key that it holds",
			"Whoever sent it does not prove to have the key; kube-controller-manager does not sign it.",
			"The request was altered after it was made, or its key was swapped for another's.",
			"Deny it; have it made anew.", "RFC 2986 4.2; kubernetes pkg/controller/certificates/authority/authority.go", checkRequestSignature},
		{"csr/weak-key", Warning, "the key of a request is too short, or of a kind that is not signed",
			"The certificate would be as weak as its key for all of its life.",
			"openssl genrsa 1024 in an old script.",
			"Deny it; make a new key of RSA-2048, ECDSA-P256 or better.", "NIST SP 800-131A; crypto/rsa", checkRequestKey},
		{"csr/signer", Warning, "nothing signs for the signer that is named",
			"Names in kubernetes.io/ belong to Kubernetes, and kube-controller-manager has four of them; a request to any other waits until it is removed.",
			"signerName: kubernetes.io/kube-apiserver-serving, which does not exist as a signer.",
			"Name a signer that there is.", sourceSigners, checkRequestSigner},
		{"csr/privileged", Critical, "a request asks for a name or a group that has rights of its own",
			"Whoever holds the certificate has them until it ends; there is no revocation, and no RBAC rule takes those of system:masters back.",
			"O=system:masters in a request made by openssl; CN=system:kube-scheduler.",
			"Deny it; ask for a group of one's own and bind a role to it.", sourceAuth, checkRequestPrivileges},
		{"csr/usages", Critical, "a request asks its signer for usages that the signer refuses",
			"Approved or not, it ends as Failed with the reason SignerValidationFailure.",
			"usages: [server auth] asked of kubernetes.io/kube-apiserver-client.",
			"Make the object anew with the usages that the signer allows.", sourceSigners, checkRequestUsages},
		{"csr/subject", Critical, "the subject of a request is not what its signer demands",
			"Approved or not, it ends as Failed with the reason SignerValidationFailure.",
			"A kubelet's request with the common name of the host and no organization.",
			"Make the request anew.", sourceSigners, checkRequestSubject},
		{"csr/names", Critical, "the alternative names of a request are not what its signer demands",
			"Approved or not, it ends as Failed with the reason SignerValidationFailure.",
			"A kubelet's serving request without any name; a client request that was made with the configuration of a server.",
			"Make the request anew.", sourceSigners, checkRequestNames},
		{"csr/requestor", Warning, "somebody asks for a certificate in the name of somebody else",
			"Approving it lets the requestor act as the other. An administrator may do so on purpose; a node never does.",
			"system:node:worker-1 asks for system:node:worker-2.",
			"Deny it, unless you know why.", "kubernetes plugin/pkg/admission/noderestriction; " + sourceCSR, checkRequestRequestor},
		{"csr/addresses", Critical, "a kubelet's serving request has a name or address that its Node does not have",
			"With the certificate the node could answer for somebody else.",
			"A node adds the address of the API server to its own.",
			"Deny it; compare with kubectl get node NAME -o jsonpath='{.status.addresses}'.", sourceBootstrap, checkRequestAddresses},
		{"csr/lifetime", Warning, "a request asks for less than the API allows, or for longer than is wanted",
			"Below 600 seconds the API server refuses it. A certificate cannot be revoked, so its lifetime bounds the damage. The policy says what is wanted; a year if it does not.",
			"expirationSeconds: 315360000.",
			"Make the object anew with a shorter expirationSeconds.", sourceCSR + "#max-ttl", checkRequestLifetime},
		{"csr/pending", Warning, "a request waits for too long",
			"Who sent it has no certificate. kube-controller-manager removes it after 24 hours. The policy says what is too long; an hour if it does not.",
			"serverTLSBootstrap: true was set and nobody approves what the kubelets ask for.",
			"kubectl certificate approve, or deny.", "kubernetes pkg/controller/certificates/cleaner/cleaner.go; " + sourceCSR, checkRequestPending},
		{"csr/not-issued", Warning, "a request was approved and no certificate was issued",
			"The signer does not run, cannot sign, or does not know of it. kube-controller-manager takes seconds; after an hour the request is removed.",
			"The CA is external and kube-controller-manager has no signing key.",
			"Look at the signer.", sourceSigners, checkRequestNotIssued},
		{"csr/denied", Info, "a request was denied",
			"Who sent it has no certificate. It is removed after an hour.",
			"Somebody looked at it and said no.",
			"Read the reason; make a request that fits it.", sourceCSR, checkRequestDenied},
		{"csr/failed", Warning, "the signer refused a request",
			"It was approved, and there will be no certificate for it.",
			"Usages that the signer does not allow.",
			"Read the reason; make the request anew.", sourceSigners, checkRequestFailed},
		{"csr/unapproved", Critical, "a certificate was issued for a request that nobody approved",
			"The signer does not wait for approval, or the object was altered.",
			"A signer of one's own that does not look at the conditions.",
			"Find out who signed it.", sourceCSR, checkRequestUnapproved},
		{"csr/issued-other", Critical, "an issued certificate does not belong to its request",
			"Another key: somebody else holds it. Another subject or name: it gives other rights than those that were approved.",
			"A signer of one's own answers one request with the certificate of another.",
			"Find out who signed it; use another signer.", "RFC 2986 3; " + sourceCSR, checkIssuedFits},
		{"csr/issued-by", Critical, "an issued certificate was not signed by the signing CA",
			"Those whom it is for do not accept it: \"x509: certificate signed by unknown authority\".",
			"kube-controller-manager of another control-plane node still signs with the CA of before a rotation.",
			"Give every kube-controller-manager the same pair, then make the request anew.", sourceSigners, checkIssuedBy},
		{"csr/issued-terms", Warning, "a certificate was issued with other usages, or for longer, than was asked for",
			"What was approved is not what is out there.",
			"A signer of one's own adds server auth to everything.",
			"Find out who signed it; use another signer.", sourceCSR, checkIssuedTerms},
	}
}

// requestChecks are the checks that are run over requests: their own, and those
// that say what could not be read.
func requestChecks() []Check {
	checks := certificateRequestChecks()
	for _, c := range nodeChecks() {
		if slices.Contains([]string{"input/unreadable", "input/undecodable", "input/unsupported"}, c.ID) {
			checks = append(checks, c)
		}
	}
	return checks
}
