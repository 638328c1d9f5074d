package deploy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

const (
	chart          = "helm/certaudit"
	chartRules     = chart + "/files/rules.yaml"
	chartDashboard = chart + "/files/dashboard.json"
)

// A chart reads no file outside of it: the rules and the dashboard are copies.
func TestMadeForTheChart(t *testing.T) {
	made(t, chartRules, string(readFile(t, rulesFile)))
	made(t, chartDashboard, string(readFile(t, dashboardFile)))
}

// rendered are the objects of the chart with some values, by kind.
func rendered(t *testing.T, values string) map[string]object {
	t.Helper()
	helm := tool(t, "helm")
	name := filepath.Join(t.TempDir(), "values.yaml")
	writeFile(t, name, values)
	if out := run(t, helm, "lint", "--strict", "--values", name, chart); !bytes.Contains(out, []byte("0 chart(s) failed")) {
		t.Errorf("helm lint:\n%s", out)
	}
	objects := map[string]object{}
	for d := yaml.NewDecoder(bytes.NewReader(run(t, helm, "template", "certaudit", chart, "--namespace", "monitoring", "--values", name))); ; {
		var o object
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind != "" {
			objects[o.Kind+" "+o.Metadata.Name] = o
		}
	}
	for key, o := range objects {
		if o.Metadata.Namespace != "monitoring" || o.Metadata.Labels["app.kubernetes.io/name"] != "certaudit" {
			t.Errorf("%s is in the namespace %q with the labels %q", key, o.Metadata.Namespace, o.Metadata.Labels)
		}
	}
	return objects
}

// podOf is the pod of a DaemonSet.
func podOf(t *testing.T, o object) podSpec {
	t.Helper()
	var spec struct {
		Template struct {
			Spec podSpec `yaml:"spec"`
		} `yaml:"template"`
	}
	if err := o.Spec.Decode(&spec); err != nil {
		t.Fatal(err)
	}
	return spec.Template.Spec
}

const daemonSetName = "DaemonSet certaudit"

// Without any values the chart is what kustomize makes of the base.
func TestChartIsTheBase(t *testing.T) {
	objects := rendered(t, "")
	if diff := cmp.Diff([]string{daemonSetName, "NetworkPolicy certaudit", "ServiceAccount certaudit"}, slices.Sorted(maps.Keys(objects))); diff != "" {
		t.Fatalf("objects (-want +got):\n%s", diff)
	}
	var ds daemonSet
	readYAML(t, base+"/daemonset.yaml", &ds)
	pod := podOf(t, objects[daemonSetName])
	checkPod(t, pod, baseHostPaths)
	if diff := cmp.Diff(ds.Spec.Template.Spec, pod); diff != "" {
		t.Errorf("pods (-base +chart):\n%s", diff)
	}
	if got, want := image(objects[daemonSetName]), "registry.example.com/certaudit:latest"; got != want {
		t.Errorf("image %q, want %q", got, want)
	}
	if a := objects["ServiceAccount certaudit"].Automount; a == nil || *a {
		t.Error("the service account's token is mounted")
	}
}

// Every value does what its comment says.
func TestChartWithEverything(t *testing.T) {
	objects := rendered(t, `
interval: 2m
nodeSelector: {node-role.kubernetes.io/control-plane: ""}
tolerations: [{key: a, operator: Exists}]
paths: [/etc/sysconfig, /etc/ssl/etcd]
policy: {thresholds: {leaf: {warnDays: 60}}}
readFilesOfOtherUsers: false
extraArgs: [--metrics-compat=x509]
tls: {secretName: certaudit-tls}
networkPolicy: {from: [{namespaceSelector: {matchLabels: {a: b}}}]}
podMonitor: {enabled: true, labels: {release: prometheus}, tlsConfig: {insecureSkipVerify: true}}
rules: {enabled: true, labels: {release: prometheus}}
dashboard: {enabled: true}
`)
	want := []string{"ConfigMap certaudit", "ConfigMap certaudit-dashboard", daemonSetName, "NetworkPolicy certaudit",
		"PodMonitor certaudit", "PrometheusRule certaudit", "ServiceAccount certaudit"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(objects))); diff != "" {
		t.Fatalf("objects (-want +got):\n%s", diff)
	}
	pod := podOf(t, objects[daemonSetName])
	c := pod.Containers[0]
	if diff := cmp.Diff([]string{"serve", "--root=/host", "--interval=2m", "--config=/etc/certaudit/config/policy.yaml",
		"--web.config.file=/etc/certaudit/config/web.yml", "--metrics-compat=x509"}, c.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"drop": []any{"ALL"}}, c.SecurityContext["capabilities"]); diff != "" {
		t.Errorf("capabilities (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]map[string]string{{"key": "a", "operator": "Exists"}}, pod.Tolerations); diff != "" {
		t.Errorf("tolerations (-want +got):\n%s", diff)
	}
	var mounted []string
	for _, m := range c.VolumeMounts {
		mounted = append(mounted, fmt.Sprint(m["mountPath"]))
	}
	for _, at := range []string{"/host/etc/sysconfig", "/host/etc/ssl/etcd", "/etc/certaudit/config", "/etc/certaudit/tls"} {
		if !slices.Contains(mounted, at) {
			t.Errorf("%s is not mounted", at)
		}
	}
	var bare ruleGroups
	readYAML(t, rulesFile, &bare)
	var groups ruleGroups
	rule := objects["PrometheusRule certaudit"]
	if err := rule.Spec.Decode(&groups); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bare, groups); diff != "" {
		t.Errorf("rules (-file +chart):\n%s", diff)
	}
	if rule.Metadata.Labels["release"] != "prometheus" || objects["PodMonitor certaudit"].Metadata.Labels["release"] != "prometheus" {
		t.Error("the labels of the values are not on the rules and the monitor")
	}
	if diff := cmp.Diff(string(readFile(t, dashboardFile)), objects["ConfigMap certaudit-dashboard"].Data["certaudit.json"]); diff != "" || !json.Valid([]byte(objects["ConfigMap certaudit-dashboard"].Data["certaudit.json"])) {
		t.Errorf("dashboard (-file +chart):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"policy.yaml": "thresholds:\n  leaf:\n    warnDays: 60\n",
		"web.yml": "tls_server_config:\n  cert_file: /etc/certaudit/tls/tls.crt\n  key_file: /etc/certaudit/tls/tls.key\n"}, objects["ConfigMap certaudit"].Data); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	var monitor struct {
		JobLabel  string           `yaml:"jobLabel"`
		Endpoints []map[string]any `yaml:"podMetricsEndpoints"`
	}
	o := objects["PodMonitor certaudit"]
	if err := o.Spec.Decode(&monitor); err != nil {
		t.Fatal(err)
	}
	wantEndpoint := []map[string]any{{"port": "metrics", "interval": "1m", "honorLabels": true, "scheme": "https", "tlsConfig": map[string]any{"insecureSkipVerify": true}}}
	if diff := cmp.Diff(wantEndpoint, monitor.Endpoints); diff != "" || monitor.JobLabel != "app.kubernetes.io/name" {
		t.Errorf("job label %q, endpoints (-want +got):\n%s", monitor.JobLabel, diff)
	}
}

func TestChartWithAServiceMonitor(t *testing.T) {
	objects := rendered(t, "serviceMonitor: {enabled: true}\ntls: {webConfigSecretName: web}\n")
	want := []string{daemonSetName, "NetworkPolicy certaudit", "Service certaudit", "ServiceAccount certaudit", "ServiceMonitor certaudit"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(objects))); diff != "" {
		t.Fatalf("objects (-want +got):\n%s", diff)
	}
	c := podOf(t, objects[daemonSetName]).Containers[0]
	if !slices.Contains(c.Args, "--web.config.file=/etc/certaudit/web/web.yml") || c.Readiness.Get.Path != "" {
		t.Errorf("arguments %q, readiness %+v: want the file of the Secret, and a probe that needs no password", c.Args, c.Readiness)
	}
}

// What contradicts itself is refused.
func TestChartRefuses(t *testing.T) {
	helm := tool(t, "helm")
	for values, why := range map[string]string{
		"podMonitor.enabled=true,serviceMonitor.enabled=true": "scraped twice",
		"tls.secretName=a,tls.webConfigSecretName=b":          "one is expected",
	} {
		out, err := exec.Command(helm, "template", chart, "--set", values).CombinedOutput()
		if err == nil || !strings.Contains(string(out), why) {
			t.Errorf("%s: %v\n%s", values, err, out)
		}
	}
}
