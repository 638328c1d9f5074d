package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

const base = "kubernetes/base"

type daemonSet struct {
	Spec struct {
		Template struct {
			Spec podSpec `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

type podSpec struct {
	ServiceAccountName string              `yaml:"serviceAccountName"`
	AutomountToken     *bool               `yaml:"automountServiceAccountToken"`
	HostNetwork        bool                `yaml:"hostNetwork"`
	HostPID            bool                `yaml:"hostPID"`
	HostIPC            bool                `yaml:"hostIPC"`
	Tolerations        []map[string]string `yaml:"tolerations"`
	InitContainers     []container         `yaml:"initContainers"`
	Containers         []container         `yaml:"containers"`
	SecurityContext    map[string]any      `yaml:"securityContext"`
	Volumes            []map[string]any    `yaml:"volumes"`
}

type container struct {
	Name            string           `yaml:"name"`
	Args            []string         `yaml:"args"`
	Command         []string         `yaml:"command"`
	Ports           []port           `yaml:"ports"`
	SecurityContext map[string]any   `yaml:"securityContext"`
	Resources       map[string]any   `yaml:"resources"`
	VolumeMounts    []map[string]any `yaml:"volumeMounts"`
	EnvFrom         []any            `yaml:"envFrom"`
	Startup         probe            `yaml:"startupProbe"`
	Readiness       probe            `yaml:"readinessProbe"`
	Liveness        probe            `yaml:"livenessProbe"`
}

type probe struct {
	Get struct {
		Path string `yaml:"path"`
		Port string `yaml:"port"`
	} `yaml:"httpGet"`
}

type port struct {
	Name   string `yaml:"name"`
	Number string `yaml:"containerPort"`
}

// checkPod holds a pod against what the deployment page promises.
func checkPod(t *testing.T, pod podSpec, hostPaths map[string]string) {
	t.Helper()
	checkPodWith(t, pod, hostPaths, capability)
}

// capability is the one that the pod has.
var capability = map[string]any{"drop": []any{"ALL"}, "add": []any{"DAC_READ_SEARCH"}}

func checkPodWith(t *testing.T, pod podSpec, hostPaths map[string]string, capabilities map[string]any) {
	t.Helper()
	if pod.AutomountToken == nil || *pod.AutomountToken {
		t.Error("a service account token is mounted")
	}
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Error("the pod shares a namespace with the node")
	}
	if diff := cmp.Diff([]map[string]string{{"operator": "Exists"}}, pod.Tolerations); diff != "" {
		t.Errorf("tolerations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"runAsUser": 0, "runAsGroup": 0, "seccompProfile": map[string]any{"type": "RuntimeDefault"}}, pod.SecurityContext); diff != "" {
		t.Errorf("security context of the pod (-want +got):\n%s", diff)
	}
	if len(pod.InitContainers) != 0 || len(pod.Containers) != 1 {
		t.Fatalf("%d init containers and %d containers, want none and one", len(pod.InitContainers), len(pod.Containers))
	}
	c := pod.Containers[0]
	if len(c.Command) != 0 || len(c.EnvFrom) != 0 {
		t.Errorf("command %q, envFrom %v, want none", c.Command, c.EnvFrom)
	}
	if diff := cmp.Diff([]string{"serve", "--root=/host"}, c.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]port{{"metrics", defaultPort(t)}}, c.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"privileged": false, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
		"capabilities": capabilities}, c.SecurityContext); diff != "" {
		t.Errorf("security context of the container (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"requests": map[string]any{"cpu": "5m", "memory": "24Mi"}, "limits": map[string]any{"memory": "64Mi"}}, c.Resources); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}

	got, names := map[string]string{}, map[string]string{}
	for _, v := range pod.Volumes {
		name := v["name"].(string)
		host, ok := v["hostPath"].(map[string]any)
		if !ok {
			names[name] = ""
			continue
		}
		names[name] = host["path"].(string)
		got[host["path"].(string)] = fmt.Sprint(host["type"])
	}
	if diff := cmp.Diff(hostPaths, got); diff != "" {
		t.Errorf("host paths and their types (-want +got):\n%s", diff)
	}
	var hidden []string
	for _, m := range c.VolumeMounts {
		at := m["mountPath"].(string)
		if m["readOnly"] != true {
			t.Errorf("%s can be written", at)
		}
		host, known := names[m["name"].(string)]
		switch {
		case !known:
			t.Errorf("%s mounts the volume %q, which does not exist", at, m["name"])
		case host == "":
			hidden = append(hidden, at)
		case at != path.Join("/host", host):
			t.Errorf("%s of the node lies at %s", host, at)
		}
	}
	if diff := cmp.Diff([]string{"/host/var/lib/kubelet/device-plugins", "/host/var/lib/kubelet/plugins",
		"/host/var/lib/kubelet/plugins_registry", "/host/var/lib/kubelet/pod-resources", "/host/var/lib/kubelet/pods"}, hidden); diff != "" {
		t.Errorf("what is hidden of the kubelet's folder (-want +got):\n%s", diff)
	}
}

// baseHostPaths is all of a node that the pod sees.
var baseHostPaths = map[string]string{
	"/etc/kubernetes": "", "/etc/default": "", "/etc/hostname": "File", "/etc/systemd/system": "",
	"/usr/lib/systemd/system": "", "/var/lib/kubelet": "Directory",
}

func TestDaemonSetHasLeastPrivilege(t *testing.T) {
	var ds daemonSet
	readYAML(t, base+"/daemonset.yaml", &ds)
	checkPod(t, ds.Spec.Template.Spec, baseHostPaths)
}

// object is any Kubernetes object, with what is checked of most.
type object struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name      string            `yaml:"name"`
		Namespace string            `yaml:"namespace"`
		Labels    map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Automount *bool             `yaml:"automountServiceAccountToken"`
	Data      map[string]string `yaml:"data"`
	Spec      yaml.Node         `yaml:"spec"`
}

// build renders a kustomization with the tool that users have.
func build(t *testing.T, dir string) map[string]object {
	t.Helper()
	program := tool(t, "kustomize", "kubectl")
	verb := "build"
	if filepath.Base(program) == "kubectl" {
		verb = "kustomize"
	}
	objects := map[string]object{}
	for d := yaml.NewDecoder(bytes.NewReader(run(t, program, verb, dir))); ; {
		var o object
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects[o.Kind] = o
	}
}

func TestKustomizations(t *testing.T) {
	withSysconfig := maps.Clone(baseHostPaths)
	withSysconfig["/etc/sysconfig"] = ""
	rpm, bare := t.TempDir(), t.TempDir()
	for _, c := range []struct {
		name, dir string
		kinds     []string
		hostPaths map[string]string
	}{
		{"base", base, []string{"DaemonSet", "Namespace", "NetworkPolicy", "ServiceAccount"}, baseHostPaths},
		{"prometheus-operator", "kubernetes/overlays/prometheus-operator",
			[]string{"DaemonSet", "Namespace", "NetworkPolicy", "PodMonitor", "PrometheusRule", "ServiceAccount"}, baseHostPaths},
		{"rpm", rpm, []string{"DaemonSet", "Namespace", "NetworkPolicy", "ServiceAccount"}, withSysconfig},
		{"without-capability", bare, []string{"DaemonSet", "Namespace", "NetworkPolicy", "ServiceAccount"}, baseHostPaths},
	} {
		t.Run(c.name, func(t *testing.T) {
			capabilities := capability
			switch c.dir {
			case bare:
				capabilities = map[string]any{"drop": []any{"ALL"}}
				fallthrough
			case rpm:
				writeOverlay(t, c.dir, c.name)
			}
			objects := build(t, c.dir)
			if diff := cmp.Diff(c.kinds, slices.Sorted(maps.Keys(objects))); diff != "" {
				t.Fatalf("objects (-want +got):\n%s", diff)
			}
			for kind, o := range objects {
				if kind != "Namespace" && o.Metadata.Namespace != "certaudit" || o.Metadata.Name != "certaudit" {
					t.Errorf("%s is %s/%s", kind, o.Metadata.Namespace, o.Metadata.Name)
				}
			}
			if a := objects["ServiceAccount"].Automount; a == nil || *a {
				t.Error("the service account's token is mounted")
			}
			var spec struct {
				Selector struct {
					MatchLabels map[string]string `yaml:"matchLabels"`
				} `yaml:"selector"`
				Template struct {
					Metadata struct {
						Labels map[string]string `yaml:"labels"`
					} `yaml:"metadata"`
					Spec podSpec `yaml:"spec"`
				} `yaml:"template"`
			}
			ds := objects["DaemonSet"]
			if err := ds.Spec.Decode(&spec); err != nil {
				t.Fatal(err)
			}
			checkPodWith(t, spec.Template.Spec, c.hostPaths, capabilities)
			want := map[string]string{"app.kubernetes.io/name": "certaudit"}
			if diff := cmp.Diff([]map[string]string{want, want}, []map[string]string{spec.Selector.MatchLabels, spec.Template.Metadata.Labels}); diff != "" {
				t.Errorf("selector and labels of the pods (-want +got):\n%s", diff)
			}
			if got, want := image(ds), "registry.example.com/certaudit:latest"; got != want {
				t.Errorf("image %q, want %q, which the deployment page replaces", got, want)
			}
		})
	}
}

// image is the image of the only container.
func image(o object) string {
	var spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Image string `yaml:"image"`
				} `yaml:"containers"`
			} `yaml:"spec"`
		} `yaml:"template"`
	}
	if o.Spec.Decode(&spec) != nil || len(spec.Template.Spec.Containers) != 1 {
		return ""
	}
	return spec.Template.Spec.Containers[0].Image
}

// writeOverlay writes an overlay with a component as the deployment page shows it.
func writeOverlay(t *testing.T, dir, component string) {
	t.Helper()
	here, err := filepath.Abs("kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	dir, err = filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(dir, here)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "kustomization.yaml"), "resources: ["+rel+"/base]\ncomponents: ["+rel+"/components/"+component+"]\n")
}

var instruction = regexp.MustCompile(`(?m)^[A-Z]+ .*$`)

// goRelease is the release of Go that go.mod asks for, as in "1.26".
func goRelease(t *testing.T) string {
	t.Helper()
	lines := regexp.MustCompile(`(?m)^(?:go|toolchain) .*$`).FindAllString(string(readFile(t, "../go.mod")), -1)
	release := regexp.MustCompile(`^go (\d+\.\d+)\.0$`).FindStringSubmatch(strings.Join(lines, "\n"))
	if release == nil {
		t.Fatalf("go.mod says %q; any patch release must do", lines)
	}
	return release[1]
}

func TestPipelinesBuildWithTheGoOfGoMod(t *testing.T) {
	if want := "\n  image: golang:" + goRelease(t) + "\n"; !strings.Contains(string(readFile(t, "../docs/pipelines.md")), want) {
		t.Errorf("docs/pipelines.md does not say %q", want)
	}
}

// The image is the program and nothing else, built with the Go of go.mod.
func TestDockerfile(t *testing.T) {
	got := instruction.FindAllString(string(readFile(t, "Dockerfile")), -1)
	last := slices.Index(got, "FROM scratch")
	if last < 0 {
		t.Fatalf("the last stage is not FROM scratch: %q", got)
	}
	if want := "FROM --platform=$BUILDPLATFORM golang:" + goRelease(t) + " AS build"; got[0] != want {
		t.Errorf("built from %q, want %q", got[0], want)
	}
	want := []string{"FROM scratch", "COPY --from=build /certaudit /certaudit", "USER 0:0", "EXPOSE " + defaultPort(t),
		`ENTRYPOINT ["/certaudit"]`, `CMD ["serve", "--root=/host"]`}
	if diff := cmp.Diff(want, got[last:]); diff != "" {
		t.Errorf("the image (-want +got):\n%s", diff)
	}
}
