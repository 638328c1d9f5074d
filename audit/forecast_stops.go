package audit

import (
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

// stopRule says what stops with the connections between a client and a server; an empty
// word stands for any, and one with a * for what begins with the rest.
type stopRule struct{ client, server, what, source string }

const (
	sourceFailures = "https://kubernetes.io/docs/tasks/debug/debug-cluster/#cluster-failure-modes"
	sourceParts    = "https://kubernetes.io/docs/concepts/overview/components/"
	sourceToNodes  = "https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/"
	sourceEtcdUp   = "https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/"
)

// stopRules are in the order of how bad it is.
var stopRules = []stopRule{
	{inventory.APIServer, inventory.Etcd, "the API server reads and writes nothing: kubectl fails and nothing is scheduled; pods that run keep running", sourceEtcdUp},
	{"etcd peers", inventory.Etcd, "other members of etcd cannot reach this one; " + openQuorum, sourceEtcdUp},
	{inventory.Etcd, "etcd peer *", "this member of etcd cannot reach another; " + openQuorum, sourceEtcdUp},
	{inventory.Kubelet, inventory.APIServer, "the node drops out: it becomes NotReady, gets no new pods, and its pods are replaced elsewhere; its containers keep running", "https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller"},
	{inventory.ControllerManager, inventory.APIServer, "nothing is reconciled: deployments, jobs, endpoints, failed nodes, certificates; pods that run keep running", sourceParts + "#kube-controller-manager"},
	{inventory.Scheduler, inventory.APIServer, "new pods stay Pending; pods that run keep running", sourceParts + "#kube-scheduler"},
	{"pods", inventory.APIServer, "pods that call the API fail: network plugins, DNS, operators, ingress controllers", "https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/"},
	{"admin", inventory.APIServer, "nobody can log in with the administrator's kubeconfig", "https://kubernetes.io/docs/setup/best-practices/certificates/#configure-certificates-for-user-accounts"},
	{"certificates signed by kube-controller-manager", inventory.APIServer, "no new certificate is accepted: kubelets cannot renew theirs, and nodes cannot join", "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/"},
	{"kube-proxy", inventory.APIServer, "services no longer follow their pods on this node", sourceParts + "#kube-proxy"},
	{inventory.APIServer, inventory.Kubelet, "kubectl logs, exec, attach and port-forward fail for pods of this node", sourceToNodes + "#api-server-to-kubelet"},
	{inventory.APIServer, "extension API servers", "APIs of extensions fail: kubectl top, autoscaling by metrics", "https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/"},
	{"kubelet (bootstrap)", inventory.APIServer, "a kubelet without a certificate cannot ask for its first", "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/"},
	{"super-admin", inventory.APIServer, "nobody can log in with super-admin.conf, which is kept for emergencies", "https://kubernetes.io/docs/setup/best-practices/certificates/#configure-certificates-for-user-accounts"},
	{"kubectl (*", inventory.APIServer, "whoever uses that kubeconfig cannot log in", "https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/"},
	{etcdHealthCheck, inventory.Etcd, "etcdctl fails with the health check's certificate; no probe uses it since Kubernetes 1.17", sourceEtcdUp},
	{"etcd gateway", inventory.Etcd, "the HTTP gateway of etcd fails, and so do programs that use it", "https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/"},
	{"", inventory.APIServer, "a program that calls the API fails", sourceFailures},
	{inventory.APIServer, "", "the API server cannot call a service that it is configured with", sourceFailures},
	{"", "", "a program cannot reach its server", sourceFailures},
}

// breakOf is a connection that is broken, with what stops.
func breakOf(l edge, reason string) Break {
	i := slices.IndexFunc(stopRules, func(r stopRule) bool { return stands(r.client, l.Client) && stands(r.server, l.Server) })
	return Break{Client: l.Client, Server: l.Server, Address: l.Address, Reason: reason, Stops: stopRules[i].what, Source: stopRules[i].source, Rank: i}
}

// stands reports whether a word of a rule stands for a name.
func stands(word, name string) bool {
	prefix, open := strings.CutSuffix(word, "*")
	return word == "" || word == name || open && strings.HasPrefix(name, prefix)
}
