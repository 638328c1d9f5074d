package parsers

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func podOrigin(line int, field string) Origin {
	return Origin{Path: "pod.yaml", Line: line, Field: field}
}

const podText = `apiVersion: v1
kind: Pod
metadata:
  name: etcd
  namespace: kube-system
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://192.0.2.1:2379
    "quo\"te.d": "1"
    plain: null
spec:
  hostNetwork: yes
  initContainers:
  - name: first
  containers:
  - name: etcd
    image: registry.k8s.io/etcd:3.6.5-0
    command:
    - etcd
    - --cert-file=/pki/server.crt
    - 7
    args: [--v, "2", "", null]
    env: &env
    - {name: ETCD_NAME, value: cp}
    - name: POD_IP
      valueFrom: {fieldRef: {fieldPath: status.podIP}}
    - {name: EMPTY, value: ""}
    - name: NOTHING
    volumeMounts:
    - mountPath: /pki/
      name: pki
      subPath: etcd
      readOnly: true
    - {mountPath: /data, name: data}
  - name: sidecar
    image: sidecar
    command: &command
    - sh
    - -c
    - |
      exec sidecar \
        --v=2
    args: *command
    env: *env
  volumes:
  - name: pki
    hostPath: {path: /etc/kubernetes/pki, type: DirectoryOrCreate}
  - emptyDir: {}
    name: data
`

func wantPod() Pod {
	text := textAt
	env := func(container string) []EnvVar {
		return []EnvVar{
			{Name: "ETCD_NAME", Value: text(23, container+".env[0].value", "cp")},
			{Name: "EMPTY", Value: text(26, container+".env[2].value", "")},
		}
	}
	const first, second = "spec.containers[0]", "spec.containers[1]"
	script := "exec sidecar \\\n  --v=2\n"
	return Pod{
		Origin: podOrigin(1, ""), Name: "etcd", Namespace: "kube-system", HostNetwork: true,
		Annotations: map[string]string{
			"kubeadm.kubernetes.io/etcd.advertise-client-urls": "https://192.0.2.1:2379", `quo"te.d`: "1", "plain": "",
		},
		Containers: []Container{
			{
				Origin: podOrigin(15, first), Name: "etcd", Image: text(16, first+".image", "registry.k8s.io/etcd:3.6.5-0"),
				Command: []Text{text(18, first+".command[0]", "etcd"), text(19, first+".command[1]", "--cert-file=/pki/server.crt"), text(20, first+".command[2]", "7")},
				Args:    []Text{text(21, first+".args[0]", "--v"), text(21, first+".args[1]", "2"), text(21, first+".args[2]", "")},
				Env:     env(first),
				Mounts: []Mount{
					{Origin: podOrigin(29, first+".volumeMounts[0]"), Volume: "pki", MountPath: "/pki/", SubPath: "etcd", ReadOnly: true},
					{Origin: podOrigin(33, first+".volumeMounts[1]"), Volume: "data", MountPath: "/data"},
				},
			},
			{
				Origin: podOrigin(34, second), Name: "sidecar", Image: text(35, second+".image", "sidecar"),
				Command: []Text{text(37, second+".command[0]", "sh"), text(38, second+".command[1]", "-c"), text(39, second+".command[2]", script)},
				Args:    []Text{text(37, second+".args[0]", "sh"), text(38, second+".args[1]", "-c"), text(39, second+".args[2]", script)},
				Env:     env(second),
			},
		},
		Volumes: []Volume{
			{Origin: podOrigin(45, "spec.volumes[0]"), Name: "pki", HostPath: text(46, "spec.volumes[0].hostPath.path", "/etc/kubernetes/pki"), HostPathType: "DirectoryOrCreate"},
			{Origin: podOrigin(47, "spec.volumes[1]"), Name: "data"},
		},
	}
}

func TestPod(t *testing.T) {
	if diff := cmp.Diff([]Pod{wantPod()}, parse(t, podText).Pods()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPodsOfDocument(t *testing.T) {
	pod := func(line int, field, name string) Pod {
		return Pod{Origin: podOrigin(line, field), Name: name, Annotations: map[string]string{}}
	}
	tests := []struct {
		name string
		text string
		want []Pod
	}{
		{"Pod", "kind: Pod\nmetadata: {name: a}\nspec: {}\n", []Pod{pod(1, "", "a")}},
		{"JSON", `{"kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostNetwork": false}}`, []Pod{pod(1, "", "a")}},
		{"PodList", "kind: PodList\nitems:\n- metadata: {name: a}\n  spec: {}\n- kind: Pod\n  metadata: {name: b}\n  spec: {}\n",
			[]Pod{pod(3, "items[0]", "a"), pod(5, "items[1]", "b")}},
		{"List", "kind: List\nitems:\n- kind: Service\n- spec: {}\n- kind: Pod\n  metadata: {name: b}\n  spec: {}\n- x\n- null\n",
			[]Pod{pod(5, "items[2]", "b")}},
		{"empty List", "kind: List\nitems: []\n", nil},
		{"List of nothing", "kind: List\n", nil},
		{"List of text", "kind: List\nitems: x\n", nil},
		{"Deployment", "kind: Deployment\nspec: {template: {spec: {}}}\n", nil},
		{"no kind", "metadata: {name: a}\nspec: {}\n", nil},
		{"a list", "- kind: Pod\n", nil},
		{"text", "Pod\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parse(t, tt.text).Pods()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodHostNetwork(t *testing.T) {
	tests := map[string]bool{
		"true": true, "True": true, "TRUE": true, "yes": true, "Yes": true, "on": true, "y": true,
		"false": false, "no": false, "off": false, "n": false, "N": false, "null": false, "~": false,
	}
	for value, want := range tests {
		pods := parse(t, "kind: Pod\nspec:\n  hostNetwork: "+value+"\n").Pods()
		if len(pods) != 1 || pods[0].HostNetwork != want || pods[0].Problems != nil {
			t.Errorf("%s gives %+v, want %v", value, pods, want)
		}
	}
	for _, value := range []string{"1", `""`, `"true"`, "'no'", "tRUE", "|\n    true", "{}"} {
		pods := parse(t, "kind: Pod\nspec:\n  hostNetwork: "+value+"\n").Pods()
		want := []Problem{{Origin{"pod.yaml", 3, "spec.hostNetwork"}, KindSyntax, noTruth}}
		if len(pods) != 1 || pods[0].HostNetwork || !cmp.Equal(pods[0].Problems, want) {
			t.Errorf("%s gives %+v", value, pods)
		}
	}
	if pods := parse(t, `{"kind": "Pod", "spec": {"hostNetwork": "no"}}`).Pods(); len(pods) != 1 || len(pods[0].Problems) != 1 {
		t.Errorf("the text of JSON is taken for a boolean: %+v", pods)
	}
}

// TestPodProblems: a field that holds something else than it should is told
// with its place, and the rest of the pod is read.
func TestPodProblems(t *testing.T) {
	const container = "kind: Pod\nspec:\n  volumes: [{name: v}]\n  containers:\n  - name: c\n    "
	problem := func(line int, field, detail string) []Problem {
		return []Problem{problemAt(line, field, KindSyntax, detail)}
	}
	tests := []struct {
		name string
		text string
		want []Problem
	}{
		{"no spec", "kind: Pod\n", problem(1, "", "the pod has no spec")},
		{"null spec", "kind: Pod\nspec:\n", problem(1, "", "the pod has no spec")},
		{"spec of text", "kind: Pod\nspec: x\n", problem(2, "spec", noMapping)},
		{"metadata of text", "kind: Pod\nmetadata: x\nspec: {}\n", problem(2, "metadata", noMapping)},
		{"name of a list", "kind: Pod\nmetadata:\n  name: [x]\nspec: {}\n", problem(3, "metadata.name", noText)},
		{"annotations of a list", "kind: Pod\nmetadata:\n  annotations: [x]\nspec: {}\n", problem(3, "metadata.annotations", noMapping)},
		{"an annotation of a list", "kind: Pod\nmetadata:\n  annotations:\n    a.b/c: [x]\nspec: {}\n", problem(4, `metadata.annotations["a.b/c"]`, noText)},
		{"hostNetwork of a list", "kind: Pod\nspec:\n  hostNetwork: []\n", problem(3, "spec.hostNetwork", noTruth)},
		{"containers of a mapping", "kind: Pod\nspec:\n  containers: {name: c}\n", problem(3, "spec.containers", noList)},
		{"containers of text and null", "kind: Pod\nspec:\n  containers:\n  - x\n  - null\n", []Problem{
			problemAt(4, "spec.containers[0]", KindSyntax, noMapping), problemAt(5, "spec.containers[1]", KindSyntax, noMapping)}},
		{"volumes of text", "kind: Pod\nspec:\n  volumes: x\n", problem(3, "spec.volumes", noList)},
		{"a hostPath of text", "kind: Pod\nspec:\n  volumes:\n  - hostPath: /x\n", problem(4, "spec.volumes[0].hostPath", noMapping)},
		{"a path of a mapping", "kind: Pod\nspec:\n  volumes:\n  - hostPath:\n      path: {X}\n", problem(5, "spec.volumes[0].hostPath.path", noText)},
		{"command of text", container + "command: etcd --name=x\n", problem(6, "spec.containers[0].command", noList)},
		{"args of text", container + "args: --name=x\n", problem(6, "spec.containers[0].args", noList)},
		{"args of a block", container + "args: |\n      - --a\n", problem(6, "spec.containers[0].args", noList)},
		{"a flag with a colon", container + "command:\n    - etcd\n    - --name: x\n", problem(8, "spec.containers[0].command[1]", noText)},
		{"image of a list", container + "image: [x]\n", problem(6, "spec.containers[0].image", noText)},
		{"env of a mapping", container + "env: {A: b}\n", problem(6, "spec.containers[0].env", noList)},
		{"a variable of text", container + "env: [A=b]\n", problem(6, "spec.containers[0].env[0]", noMapping)},
		{"a value of a mapping", container + "env:\n    - name: A\n      value: {x: y}\n", problem(8, "spec.containers[0].env[0].value", noText)},
		{"mounts of text", container + "volumeMounts: x\n", problem(6, "spec.containers[0].volumeMounts", noList)},
		{"a mount of text", container + "volumeMounts: [/x]\n", problem(6, "spec.containers[0].volumeMounts[0]", noMapping)},
		{"a mount path of a list", container + "volumeMounts:\n    - mountPath: [/x]\n", problem(7, "spec.containers[0].volumeMounts[0].mountPath", noText)},
		{"aliases", container + "command: &c x\n    args: *c\n", []Problem{
			problemAt(6, "spec.containers[0].command", KindSyntax, noList), problemAt(7, "spec.containers[0].args", KindSyntax, noList)}},
		{"none", container + "command: null\n    args: []\n    env:\n    volumeMounts: ~\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pods := parse(t, tt.text).Pods()
			if len(pods) != 1 {
				t.Fatalf("%d pods", len(pods))
			}
			if diff := cmp.Diff(tt.want, pods[0].Problems); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.HasPrefix(tt.text, container) && (pods[0].Containers[0].Name != "c" || pods[0].Volumes[0].Name != "v") {
				t.Errorf("the rest was lost: %+v", pods[0])
			}
		})
	}
}

// TestPodProblemsStayApart: the problems of a pod are not those of the next.
func TestPodProblemsStayApart(t *testing.T) {
	pods := parse(t, "kind: PodList\nitems:\n- {}\n- spec: {}\n- spec: x\n").Pods()
	var got [][]Problem
	for _, p := range pods {
		got = append(got, p.Problems)
	}
	want := [][]Problem{{problemAt(3, "items[0]", KindSyntax, "the pod has no spec")}, nil, {problemAt(5, "items[2].spec", KindSyntax, noMapping)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHostPath(t *testing.T) {
	volume := func(name, hostPath string) Volume { return Volume{Name: name, HostPath: Text{Value: hostPath}} }
	pod := Pod{Volumes: []Volume{
		volume("k8s", "/srv/kubernetes/"), volume("pki", "/srv/pki"), volume("etcd", "/srv/./etcd//"), volume("file", "/srv/scheduler.conf"),
		volume("root", "/"), {Name: "scratch"}, volume("k8s", "/never"),
	}}
	nested := []Mount{
		{Volume: "pki", MountPath: "/etc/kubernetes/pki"},
		{Volume: "k8s", MountPath: "/etc/kubernetes"},
		{Volume: "etcd", MountPath: "/etc/kubernetes/pki/etcd/"},
		{Volume: "file", MountPath: "/etc/kubernetes/scheduler.conf"},
		{Volume: "scratch", MountPath: "/etc/kubernetes/tmp"},
		{Volume: "absent", MountPath: "/etc/kubernetes/gone"},
		{Volume: "pki", MountPath: "/sub", SubPath: "a/b"},
		{Volume: "pki", MountPath: "relative/dir"},
		{Volume: "pki", MountPath: ""},
	}
	twice := []Mount{{Volume: "k8s", MountPath: "/pki"}, {Volume: "pki", MountPath: "/pki/"}} // the later one is on top
	root := []Mount{{Volume: "root", MountPath: "/"}, {Volume: "pki", MountPath: "/pki"}}
	tests := []struct {
		mounts []Mount
		name   string
		want   string
		ok     bool
	}{
		{nested, "/etc/kubernetes/admin.conf", "/srv/kubernetes/admin.conf", true},
		{nested, "/etc/kubernetes", "/srv/kubernetes", true},
		{nested, "/etc/kubernetes/", "/srv/kubernetes", true},
		{nested, "/etc/kubernetes/pki/ca.crt", "/srv/pki/ca.crt", true},
		{nested, "/etc/kubernetes/pki2/ca.crt", "/srv/kubernetes/pki2/ca.crt", true},
		{nested, "/etc/kubernetes/pki/etcd/ca.crt", "/srv/etcd/ca.crt", true},
		{nested, "/etc/kubernetes/pki/etcd", "/srv/etcd", true},
		{nested, "/etc/kubernetes/scheduler.conf", "/srv/scheduler.conf", true},
		{nested, "/etc/kubernetes/scheduler.conf.bak", "/srv/kubernetes/scheduler.conf.bak", true},
		{nested, "/etc/kubernetes/tmp/x", "", false},
		{nested, "/etc/kubernetes/gone/x", "", false},
		{nested, "/etc/kubernetes/pki/../admin.conf", "/srv/kubernetes/admin.conf", true},
		{nested, "/etc/kubernetes/pki/etcd/../../../passwd", "", false},
		{nested, "/../etc//kubernetes/./pki/ca.crt", "/srv/pki/ca.crt", true},
		{nested, "etc/kubernetes/pki/ca.crt", "/srv/pki/ca.crt", true},
		{nested, "/sub/ca.crt", "/srv/pki/a/b/ca.crt", true},
		{nested, "/relative/dir/ca.crt", "/srv/pki/ca.crt", true},
		{nested, "/elsewhere", "", false},
		{nested, "/", "", false},
		{nested, "", "", false},
		{twice, "/pki/ca.crt", "/srv/pki/ca.crt", true},
		{root, "/etc/passwd", "/etc/passwd", true},
		{root, "/pki/ca.crt", "/srv/pki/ca.crt", true},
		{root, "/", "/", true},
		{nil, "/etc/kubernetes/pki/ca.crt", "", false},
	}
	for _, tt := range tests {
		if got, ok := pod.HostPath(Container{Mounts: tt.mounts}, tt.name); got != tt.want || ok != tt.ok {
			t.Errorf("HostPath(%q) = %q, %v, want %q, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

// manifestProblems are the manifests of the corpus that are not sound: edited
// by hand, or templates.
var manifestProblems = map[string][]Problem{
	"Scheema030__Kubernetes__kube-apiserver.yaml":          {notYAML(75, "did not find expected key"+fmt.Sprintf(misindented, 75))},
	"Scheema030__Kubernetes__kube-controller-manager.yaml": {notYAML(76, "did not find expected key"+fmt.Sprintf(misindented, 76))},
	// an excerpt: "..." follows "spec:"
	"eugenpro__cka__manifests_etcd.yaml": {
		notYAML(14, "did not find expected <document start>"+fmt.Sprintf(misindented, 14)), problemAt(1, "", KindSyntax, "the pod has no spec")},
	// placeholders in braces, which are mappings
	"fusoya59__fedora-coreos-k8s__manifests_kube-apiserver.yaml": {
		problemAt(55, "spec.containers[0].volumeMounts[1].mountPath", KindSyntax, noText),
		problemAt(66, "spec.volumes[1].hostPath.path", KindSyntax, noText)},
	"fusoya59__fedora-coreos-k8s__manifests_kube-controller-manager.yaml": {notYAML(47, "did not find expected key")},
	"openshift__cluster-etcd-operator__bindata_etcd_pod.gotpl.yaml":       {notYAML(58, "could not find expected ':'"+notRendered)},
	"openshift__cluster-etcd-operator__bindata_etcd_restore-pod.yaml":     {notYAML(117, "could not find expected ':'"+fmt.Sprintf(misindented, 117))},
	"openshift__cluster-kube-apiserver-operator__bindata_bootkube_bootstrap-manifests_kube-apiserver-pod.yaml": {
		notYAML(105, "could not find expected ':'"+notRendered)},
}

func TestPodCorpus(t *testing.T) {
	files := corpusFiles(t, func(path string) bool { return strings.HasPrefix(path, "manifests/") })
	pods := 0
	got := map[string][]Problem{}
	for path, data := range files {
		name := filepath.Base(path)
		docs, problems := ParseDocuments("pod.yaml", data)
		for _, d := range docs {
			for _, p := range d.Pods() {
				pods++
				problems = append(problems, p.Problems...)
			}
		}
		if len(problems) > 0 {
			got[name] = problems
		}
	}
	if diff := cmp.Diff(manifestProblems, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(files) != 98 || pods != 87 {
		t.Errorf("%d pods in %d files, want 87 in 98", pods, len(files))
	}
}
