package cmd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"software.sslmate.com/src/go-pkcs12"
)

const recorded = "testdata/x509-certificate-exporter/"

// TestX509Compatibility holds what --metrics-compat serves against what the exporters
// themselves serve for the same files.
func TestX509Compatibility(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the cases have links, and paths with slashes")
	}
	dir := t.TempDir()
	x509Cases(t, dir)
	docs, err := os.ReadFile("../docs/metrics.md")
	ok(t, err)
	page := strings.ReplaceAll(string(docs), "\n", " ")
	// figures is what the page says of how many series are equal, and of how many.
	for _, c := range []struct{ version, compat, differences, figures string }{
		{"v3", compatX509, "v3-differences.txt", "Of %[2]d series of 3.21 %[1]d are equal with `x509`"},
		{"v4", compatX509V4, "v4-differences.txt", "of %[2]d of 4.2 about files %[1]d with `x509-v4`"},
		{"v4", compatX509, "", "(%[1]d with `x509`)"},
	} {
		t.Run(c.version+" and "+c.compat, func(t *testing.T) {
			equal, all := 0, 0
			var differences strings.Builder
			for _, one := range recordedCases(t, c.version, dir) {
				got := servedSeries(t, c.compat, filepath.ToSlash(filepath.Join(dir, one.path)))
				for _, key := range slices.Sorted(maps.Keys(one.series)) {
					all++
					value, there := got[key]
					switch {
					case there && value == one.series[key]:
						equal++
					case there:
						fmt.Fprintf(&differences, "%s: %s is %v, here %v\n", one.name, key, one.series[key], value)
					default:
						fmt.Fprintf(&differences, "%s: %s is %v, here absent\n", one.name, key, one.series[key])
					}
				}
			}
			t.Logf("%d of %d series are equal", equal, all)
			if figures := fmt.Sprintf(c.figures, equal, all); !strings.Contains(page, figures) {
				t.Errorf("docs/metrics.md does not say %q", figures)
			}
			if all < 200 || equal*100 < all*95 {
				t.Errorf("%d of %d series are equal; expected 95 %%", equal, all)
			}
			if c.differences != "" {
				got := undated(differences.String(), dir)
				if flag.Lookup("update").Value.String() == "true" {
					ok(t, os.WriteFile(recorded+c.differences, []byte(got), 0o644))
				}
				want, err := os.ReadFile(recorded + c.differences)
				ok(t, err)
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestX509Passphrases: the counter of a key store that no password opens grows at each
// audit, and one that is opened is a certificate like others.
func TestX509Passphrases(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "web"}, NotAfter: time.Unix(1_900_000_000, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ok(t, err)
	leaf, err := x509.ParseCertificate(der)
	ok(t, err)
	store, err := pkcs12.Modern.Encode(key, leaf, nil, "its own")
	ok(t, err)
	ok(t, os.WriteFile(dir+"/web.p12", store, 0o600))
	f := servePaths(dir + "/web.p12")
	f.compat, f.interval = []string{compatX509V4}, time.Hour
	s := newServer(f, nil, slog.New(discard), time.Now)
	series := func(passwords ...string) map[string]float64 {
		s.passwords = passwords
		s.forget()
		return auditedSeries(s)
	}
	const failures = `x509_pkcs12_passphrase_failures_total{source_name="cli-files"}`
	failed := `x509_source_errors_total{reason="bad_passphrase",source_kind="file",source_name="cli-files"}`
	found := `certaudit_findings{check="input/unreadable",severity="warning"}`
	for n, want := range []float64{1, 2} {
		if got := series("wrong"); got[failures] != want || got[failed] != want || got[found] != 1 {
			t.Errorf("audit %d: %v, %v, %v", n, got[failures], got[failed], got[found])
		}
	}
	got := series("wrong", "its own")
	if at := fmt.Sprintf(`x509_cert_not_after{filename="web.p12",filepath=%q,issuer_CN="web",serial_number="7",subject_CN="web"}`, dir+"/web.p12"); got[at] != 1_900_000_000 || got[failures] != 2 || got[found] != 0 {
		t.Errorf("opened: %v, %v, %v", got[at], got[failures], got[found])
	}
}

// TestX509Alerts: what the alerts of the charts of both versions ask about files for is
// there from the start, so that none of them is silent for want of series. Those of
// revocation lists need a list.
func TestX509Alerts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the cases have links, and paths with slashes")
	}
	dir := t.TempDir()
	x509Cases(t, dir)
	names := map[string]bool{}
	for series := range servedSeries(t, compatX509, filepath.Join(dir, "watchdir")) {
		name, _, _ := strings.Cut(series, "{")
		names[name] = true
	}
	for _, name := range []string{"x509_read_errors", "x509_cert_error", "x509_cert_not_after", "x509_cert_not_before", "x509_source_errors_total", "x509_source_up",
		"x509_source_bundles", "x509_pkcs12_passphrase_failures_total", "x509_jks_passphrase_failures_total", "x509_cert_collision_dropped_total"} {
		if !names[name] {
			t.Errorf("no series of %s", name)
		}
	}
}

// undated replaces what is another folder in each run.
func undated(s, dir string) string {
	return strings.NewReplacer(dir, "DIR", sourceName(dir), "DIR").Replace(s)
}

// sourceName is a folder in the name of a source.
func sourceName(dir string) string {
	return strings.Trim(regexp.MustCompile("[^a-zA-Z0-9]").ReplaceAllString(dir, "-"), "-")
}

// servedSeries are the series of one PATH.
func servedSeries(t *testing.T, compat, path string) map[string]float64 {
	t.Helper()
	f := servePaths(path)
	f.compat = []string{compat}
	f.interval = time.Hour
	ok(t, f.validate())
	now := func() time.Time { return time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC) }
	return auditedSeries(newServer(f, nil, slog.New(discard), now))
}

// auditedSeries are the series after one more audit, by name and labels.
func auditedSeries(s *server) map[string]float64 {
	s.audit(&watching{open: func() (watcher, error) { return nil, errors.New("not watched") }}, "start")
	out := map[string]float64{}
	for _, family := range s.state.Load().families() {
		for _, m := range family.Metric {
			out[seriesName(family.GetName(), m.Label)] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return out
}

// seriesName is a name with sorted labels. Of what differs with the program or the
// bytes of a certificate there is a star.
func seriesName(name string, labels []*dto.LabelPair) string {
	var parts []string
	for _, l := range labels {
		value := l.GetValue()
		if name == "x509_exporter_build_info" || l.GetName() == "discriminator" {
			value = "*"
		}
		parts = append(parts, fmt.Sprintf("%s=%q", l.GetName(), value))
	}
	slices.Sort(parts)
	return name + "{" + strings.Join(parts, ",") + "}"
}

// recordedCase is what an exporter serves for one PATH.
type recordedCase struct {
	name, path string
	series     map[string]float64
}

var (
	caseLine   = regexp.MustCompile(`^# case (\S+): (\S+)$`)
	seriesLine = regexp.MustCompile(`^(\w+)\{(.*)\} (\S+)$`)
	labelPart  = regexp.MustCompile(`(\w+)=("(?:[^"\\]|\\.)*")`)
)

func recordedCases(t *testing.T, version, dir string) []recordedCase {
	t.Helper()
	data, err := os.ReadFile(recorded + version + ".txt")
	ok(t, err)
	text := strings.NewReplacer("cli-dir-DIR", "cli-dir-"+sourceName(dir), "DIR", dir).Replace(string(data))
	var cases []recordedCase
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if c := caseLine.FindStringSubmatch(line); c != nil {
			cases = append(cases, recordedCase{c[1], c[2], map[string]float64{}})
		}
		series := seriesLine.FindStringSubmatch(line)
		if series == nil {
			continue
		}
		value, err := strconv.ParseFloat(series[3], 64)
		ok(t, err)
		alternatives := [][]*dto.LabelPair{nil}
		for _, l := range labelPart.FindAllStringSubmatch(series[2], -1) {
			text, err := strconv.Unquote(l[2])
			ok(t, err)
			var longer [][]*dto.LabelPair
			for _, value := range strings.Split(text, "|") {
				for _, labels := range alternatives {
					longer = append(longer, append(slices.Clone(labels), &dto.LabelPair{Name: &l[1], Value: &value}))
				}
			}
			alternatives = longer
		}
		for _, labels := range alternatives {
			cases[len(cases)-1].series[seriesName(series[1], labels)] = value
		}
	}
	return cases
}

// x509Cases writes the files of the cases: certificates with the serial numbers, names
// and dates of the recorded ones.
func x509Cases(t *testing.T, dir string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	const start, year, decade = 1795411870, 1826948170, 2110772170
	made := func(serial string, issuer, subject pkix.Name, from, to int64) []byte {
		n, _ := new(big.Int).SetString(serial, 10)
		c := &x509.Certificate{SerialNumber: n, Subject: subject, NotBefore: time.Unix(from, 0), NotAfter: time.Unix(to, 0),
			BasicConstraintsValid: true, IsCA: issuer.String() == subject.String() && to == decade}
		der, err := x509.CreateCertificate(rand.Reader, c, &x509.Certificate{Subject: issuer}, key.Public(), key)
		ok(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	cn := func(name string, groups ...string) pkix.Name {
		return pkix.Name{CommonName: name, Organization: groups}
	}
	self := func(serial string, n pkix.Name, from, to int64) []byte { return made(serial, n, n, from, to) }
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ok(t, err)
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	ca := self("9214321732760426104", cn("kubernetes"), start, decade)
	frontCA := self("1073086225873631538", cn("front-proxy-ca"), start, decade)
	etcdCA := self("3301053238630357609", cn("etcd-ca"), start, decade)
	server := made("730637913064171496", cn("kubernetes"), cn("kube-apiserver"), start, year)
	client := made("3620576765472353220", cn("kubernetes"), cn("kube-apiserver-kubelet-client", "kubeadm:cluster-admins"), start, year)
	admin := made("4790020358044490197", cn("kubernetes"), cn("kubernetes-admin", "kubeadm:cluster-admins"), start, 1826948173)
	bundle := slices.Concat(ca, frontCA, etcdCA, ca)
	caDER, _ := pem.Decode(ca)
	const broken = "-----BEGIN CERTIFICATE-----\nMIIBbroken\n-----END CERTIFICATE-----\n"
	data := base64.StdEncoding.EncodeToString
	kubeconfig := func(clusters, users string) []byte {
		return []byte("apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: a, user: u}}]\nclusters: [" + clusters + "]\nusers: [" + users + "]\n")
	}
	cluster := func(name, field, value string) string {
		return fmt.Sprintf("{name: %s, cluster: {server: 'https://h:6443', %s: %q}}", name, field, value)
	}
	user := func(name, field, value string) string {
		return fmt.Sprintf("{name: %s, user: {%s: %q}}", name, field, value)
	}
	two := cluster("cl-one", "certificate-authority", "ca.crt") + ", " + cluster("cl-two", "certificate-authority", filepath.Join(dir, "kc/ca.crt"))
	files := map[string][]byte{
		"pem/apiserver.crt": server,
		"dn/full.crt": self("85516234877053870460929787289483303936809742798", pkix.Name{Country: []string{"DE"}, Province: []string{"Bavaria"}, Locality: []string{"Munich"},
			Organization: []string{"Acme"}, OrganizationalUnit: []string{"Ops"}, CommonName: "full.example"}, 1795654058, 1803430058),
		"dn/nocn.crt":                           self("476850893233558675408099868466235843848493470781", cn("", "OnlyOrg"), 1795654058, 1803430058),
		"dn/multi.crt":                          self("242893781286824199408412385101314048865253774221", pkix.Name{CommonName: "multi", ExtraNames: severalNames()}, 1795654058, 1803430058),
		"dn/utf8.crt":                           self("138548931781657699594171477485781579441649312678", cn(`münch\x`, `Société "Ö"`), 1795654059, 1803430059),
		"bundle/chain.pem":                      slices.Concat(server, ca),
		"bundle/cas-with-dup.pem":               bundle,
		"bundle/cert+key.pem":                   slices.Concat(server, keyPEM),
		"exp/expired.crt":                       made("3525154967352915069", cn("kubernetes"), cn("kube-apiserver"), 1795481259, 1795567659),
		"exp/future.crt":                        made("2994390623664069172", cn("kubernetes"), cn("kube-apiserver"), 1795740459, 1795826859),
		"exp/broken.crt":                        []byte(broken),
		"exp/text.crt":                          []byte("hello\n"),
		"exp/empty.crt":                         nil,
		"exp/half.pem":                          slices.Concat(ca, []byte(broken)),
		"exp/der.crt":                           caDER.Bytes,
		"kc/ca.crt":                             ca,
		"kc/client.crt":                         client,
		"kc/embedded.conf":                      kubeconfig(cluster("kubernetes", "certificate-authority-data", data(ca)), user("kubernetes-admin", "client-certificate-data", data(admin))),
		"kc/ref.conf":                           kubeconfig(two, user("usr-one", "client-certificate", "client.crt")),
		"kc/ref-missing.conf":                   kubeconfig(two, user("usr-one", "client-certificate", "gone.crt")),
		"kc/bundle-ca.conf":                     kubeconfig(cluster("many", "certificate-authority-data", data(bundle)), ""),
		"watchdir/apiserver.crt":                server,
		"watchdir/apiserver-kubelet-client.crt": client,
		"watchdir/apiserver-etcd-client.crt":    made("3586312207192459736", cn("etcd-ca"), cn("kube-apiserver-etcd-client"), start, year),
		"watchdir/front-proxy-client.crt":       made("6006557641224341125", cn("front-proxy-ca"), cn("front-proxy-client"), start, year),
		"watchdir/front-proxy-ca.crt":           frontCA,
		"watchdir/ca.crt":                       ca,
		"watchdir/ca.key":                       keyPEM,
		"watchdir/sub/ca.crt":                   etcdCA,
		"watchdir/sub/server.crt":               made("77807671980120117", cn("etcd-ca"), cn("cp-1"), start, year),
		"watchdir/sub/peer.crt":                 made("3291533358069954859", cn("etcd-ca"), cn("cp-1"), start, year),
		"watchdir/sub/healthcheck-client.crt":   made("2883721951216940244", cn("etcd-ca"), cn("kube-etcd-healthcheck-client"), start, year),
		"dirs/..2026/tls.crt":                   server,
	}
	for name, content := range files {
		name = filepath.Join(dir, name)
		ok(t, os.MkdirAll(filepath.Dir(name), 0o755))
		ok(t, os.WriteFile(name, content, 0o644))
	}
	for name, target := range map[string]string{"dirs/..data": "..2026", "dirs/tls.crt": "..data/tls.crt", "dirs/dangling.crt": "/nonexist", "linkdir": filepath.Join(dir, "watchdir")} {
		ok(t, os.Symlink(target, filepath.Join(dir, name)))
	}
}

// severalNames are two organizations and two units, each an attribute of its own.
func severalNames() []pkix.AttributeTypeAndValue {
	organization, unit := []int{2, 5, 4, 10}, []int{2, 5, 4, 11}
	return []pkix.AttributeTypeAndValue{{Type: organization, Value: "A"}, {Type: organization, Value: "B"}, {Type: unit, Value: "U1"}, {Type: unit, Value: "U2"}}
}
