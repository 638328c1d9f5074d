package audit_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// corpusPlaces say where a node has a file of each kind of the corpus, by its name there.
var corpusPlaces = map[string]func(name string) string{
	"manifests": func(name string) string { return manifests + "/" + name },
	"systemd": func(name string) string {
		base := name[strings.LastIndexByte(name, '_')+1:]
		if strings.Contains(base, ".service") {
			return units + "/" + strings.Split(base, ".service")[0] + ".service"
		}
		return "/etc/etcd/etcd.conf"
	},
	"kubelet": func(name string) string {
		switch {
		case strings.Contains(name, ".env"), strings.Contains(name, "flag"):
			return "/var/lib/kubelet/kubeadm-flags.env"
		case strings.HasSuffix(name, "kubelet.service"):
			return units + "/kubelet.service"
		case strings.HasSuffix(name, "default_kubelet"), strings.HasSuffix(name, "kubernetes_kubelet"):
			return "/etc/default/kubelet"
		case strings.HasSuffix(name, ".conf") && !strings.HasSuffix(name, "kubelet.conf"):
			return units + "/kubelet.service.d/10-kubeadm.conf"
		}
		return kubeletConfig
	},
	"kubeconfig": func(string) string { return etc + "/admin.conf" },
}

// corpusCounts are how many files of a kind there are, and of how many everything is
// understood.
var corpusCounts = map[string][2]int{"kubeconfig": {31, 16}, "kubelet": {32, 26}, "manifests": {98, 83}, "systemd": {33, 26}}

// notUnderstood has the files of the corpus in which something is not understood, with
// the first that is said of each.
var notUnderstood = map[string]string{
	"kubeconfig/ManageIQ__kubeclient__test_config_allinone.kubeconfig":                                                   "holds neither PEM nor DER",
	"kubeconfig/ManageIQ__kubeclient__test_config_gcpcmdauth.kubeconfig.v7":                                              "the current context is \"\", and there is no such context with a cluster; kubeadm cannot use the file",
	"kubeconfig/R4BBT__kubernetes__kubeconfig_configfile1.yaml":                                                          "the current context is \"\", and there is no such context with a cluster; kubeadm cannot use the file",
	"kubeconfig/SUSE__kucero__pkg_pki_conf_kubelet_tests_1.16-kubelet.conf":                                              "holds neither PEM nor DER",
	"kubeconfig/fabric8io__kubernetes-client__kubernetes-client-api_src_test_resources_test-ec-kubeconfig.v5":            "is PEM; the field takes base64 of PEM",
	"kubeconfig/jungen2023__k3s__etc_rancher_k3s_k3s.yaml":                                                               "holds neither PEM nor DER",
	"kubeconfig/kubernetes-client__javascript__testdata_kubeconfig-dupe-cluster.yaml.v5":                                 "holds neither PEM nor DER",
	"kubeconfig/kubernetes-client__javascript__testdata_tls-server-name-kubeconfig.yaml.v10":                             "holds neither PEM nor DER",
	"kubeconfig/kubernetes__client-go__config_test.inline3.yaml":                                                         "the current context is \"\", and there is no such context with a cluster; kubeadm cannot use the file",
	"kubeconfig/kubernetes__client-go__loader_test.inline3.yaml":                                                         "the name \"kubeconfig-cluster\" is taken by the entry on line 5, and client-go refuses the file",
	"kubeconfig/kubernetes__kubernetes__kubelet-with-invalid-context.yaml":                                               "the current context is \"invalidContext\", and there is no such context with a cluster; kubeadm cannot use the file",
	"kubeconfig/kubernetes__minikube__pkg_minikube_kubeconfig_testdata_kubeconfig_config2":                               "the current context is \"minikube\", and there is no such context with a cluster; kubeadm cannot use the file",
	"kubeconfig/nadamdb__k8s-hpa-modeling__backup_cluster_kube-public_configmap_cluster-info.yaml":                       "is not a kubeconfig: it has neither clusters nor users",
	"kubeconfig/openshift__cluster-kube-apiserver-operator__bindata_assets_kube-apiserver_node-kubeconfigs.yaml":         "is not a kubeconfig: it has neither clusters nor users",
	"kubeconfig/rootsongjc__kubernetes-vagrant-centos-cluster__conf_admin.kubeconfig":                                    "holds neither PEM nor DER",
	"kubelet/fusoya59__fedora-coreos-k8s__config_control-plane_kubelet-config.yaml":                                      "is neither YAML nor JSON: did not find expected key",
	"kubelet/kubernetes-sigs__kind__images_base_files_etc_systemd_system_kubelet.service":                                "starts kubelet without a flag that was read, and it needs some; what it is configured with was not judged",
	"kubelet/kubernetes__kops__nodeup_pkg_model_tests_kubelet_featuregates_tasks.yaml":                                   "kind is \"\"; the kubelet expects KubeletConfiguration",
	"kubelet/kubernetes__kubernetes__invalid_duplicate_field_kubeletcfg.yaml":                                            "is given twice; the first is on line 3, the last one counts",
	"kubelet/nadamdb__k8s-hpa-modeling__backup_cluster_kube-system_configmap_kubelet-config-1.13.yaml":                   "kind is \"ConfigMap\"; the kubelet expects KubeletConfiguration",
	"kubelet/pangsq__kube-config-chain__kubelet.conf":                                                                    "kind is \"Config\"; the kubelet expects KubeletConfiguration",
	"manifests/Scheema030__Kubernetes__kube-apiserver.yaml":                                                              "is neither YAML nor JSON: did not find expected key; line 75 is not indented as the line above; YAML wants spaces",
	"manifests/Scheema030__Kubernetes__kube-controller-manager.yaml":                                                     "is neither YAML nor JSON: did not find expected key; line 76 is not indented as the line above; YAML wants spaces",
	"manifests/cookie-s__kube-cluster-config__kube-controller-manager-kubeconfig.yaml.v2":                                "holds no pod, yet the kubelet reads every file of this folder; what it should start was not judged",
	"manifests/eugenpro__cka__manifests_etcd.yaml":                                                                       "the pod has no spec",
	"manifests/fusoya59__fedora-coreos-k8s__manifests_kube-apiserver.yaml":                                               "is no text, as it should be",
	"manifests/fusoya59__fedora-coreos-k8s__manifests_kube-controller-manager.yaml":                                      "is neither YAML nor JSON: did not find expected key",
	"manifests/kubernetes__kops__nodeup_pkg_model_tests_golden_audit_tasks-kube-apiserver.yaml":                          "holds no pod, yet the kubelet reads every file of this folder; what it should start was not judged",
	"manifests/kubernetes__kops__nodeup_pkg_model_tests_golden_minimal_tasks-kube-apiserver.yaml":                        "holds no pod, yet the kubelet reads every file of this folder; what it should start was not judged",
	"manifests/kubernetes__kops__nodeup_pkg_model_tests_golden_minimal_tasks-kube-controller-manager.yaml":               "holds no pod, yet the kubelet reads every file of this folder; what it should start was not judged",
	"manifests/openshift__cluster-etcd-operator__bindata_etcd_pod.gotpl.yaml":                                            "is neither YAML nor JSON: could not find expected ':'; it looks like a template that was not rendered",
	"manifests/openshift__cluster-etcd-operator__bindata_etcd_restore-pod.yaml":                                          "is neither YAML nor JSON: could not find expected ':'; line 117 is not indented as the line above; YAML wants spaces",
	"manifests/openshift__cluster-kube-apiserver-operator__bindata_bootkube_bootstrap-manifests_kube-apiserver-pod.yaml": "is neither YAML nor JSON: could not find expected ':'; it looks like a template that was not rendered",
	"manifests/sashgorokhov__kubernetes-training__kubernetes_manifests_master_kube-apiserver.yaml":                       "the quotes are part of the value \"\\\"kube-system\\\"\": no shell removes them",
	"manifests/sashgorokhov__kubernetes-training__kubernetes_manifests_master_kube-apiserver.yaml.v3":                    "the quotes are part of the value \"\\\"kube-system\\\"\": no shell removes them",
	"manifests/tsaarni__managed-kubernetes__manifests_managed-kube-etcd.yaml":                                            "holds no pod, yet the kubelet reads every file of this folder; what it should start was not judged",
	"systemd/adam09066__cluster__etcd.service":                                                                           "the line has no \"=\"; 18 more lines of the file are not understood either",
	"systemd/iponnam__kubernetes_prod__etcd.service":                                                                     "the line has no \"=\"; 18 more lines of the file are not understood either",
	"systemd/iponnam__kubernetes_prod__kube-apiserver.service":                                                           "starts kube-apiserver without a flag that was read, and it needs some; what it is configured with was not judged",
	"systemd/kackey0-1__homemade-raspi__systemd_etcd.service":                                                            "\"--config-file\" is no setting: the line before does not end in a single backslash",
	"systemd/kackey0-1__homemade-raspi__systemd_kube-apiserver.service":                                                  "starts kube-apiserver without a flag that was read, and it needs some; what it is configured with was not judged",
	"systemd/lcePolarBear__Container_Owner_Note__kube-apiserver.service":                                                 "starts kube-apiserver without a flag that was read, and it needs some; what it is configured with was not judged",
	"systemd/salman-codebird__CKS__kube-apiserver.service":                                                               "the section header is not closed at the end of the line",
}

// Every file of the corpus is understood, or has its reason.
func TestCorpus(t *testing.T) {
	root := os.Getenv("CERTAUDIT_CORPUS")
	if root == "" {
		t.Skip("CERTAUDIT_CORPUS is not set")
	}
	counts, reasons := map[string][2]int{}, map[string]string{}
	for kind, place := range corpusPlaces {
		names, err := os.ReadDir(filepath.Join(root, kind))
		if err != nil {
			t.Fatal(err)
		}
		count := [2]int{len(names), len(names)}
		for _, n := range names {
			data, err := os.ReadFile(filepath.Join(root, kind, n.Name()))
			if err != nil {
				t.Fatal(err)
			}
			r := auditNode(t, fixtures.Node{place(n.Name()): {Mode: 0o600, Data: data}}, audit.Options{})
			i := slices.IndexFunc(r.Findings, func(f audit.Finding) bool {
				return f.Check == "input/undecodable" || f.Check == "input/unsupported" || f.Check == "input/component-unread" || f.Check == "files/malformed"
			})
			if i >= 0 {
				count[1]--
				reasons[kind+"/"+n.Name()] = r.Findings[i].Message
			}
		}
		counts[kind] = count
	}
	if diff := cmp.Diff(corpusCounts, counts); diff != "" {
		t.Errorf("files and those understood (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(notUnderstood, reasons); diff != "" {
		t.Errorf("what is not understood (-want +got):\n%s", diff)
	}
}
