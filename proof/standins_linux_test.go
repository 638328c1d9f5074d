//go:build !race

package proof

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"certaudit/audit/inventory"
	"certaudit/cmd"
	"certaudit/parsers"
)

// standIns are what a machine has in place of programs that need a running cluster,
// and certaudit, which goes by the time of the test.
var standIns = map[string]func(args []string) int{
	"certaudit": func(args []string) int {
		os.Setenv("CERTAUDIT_CONFIG", "") // not the policy of the machine that the test runs on
		return cmd.Main(append(args, "--at="+os.Getenv("AT")), os.Stdin, os.Stdout, os.Stderr)
	},
	"systemctl": systemctl, "rc-service": rcService, "crictl": crictl, "curl": curl,
	"sleep": func([]string) int {
		time.Sleep(100 * time.Millisecond)
		return 0
	},
	"k3s": certificateRotate, "rke2": certificateRotate, "microk8s": refreshCerts,
	"kubectl": func([]string) int { return failed(errors.New("kubectl: no plan may need an API server")) },
}

func failed(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func systemctl(args []string) int {
	read := filepath.Join(procDir, "units-read")
	switch {
	case len(args) == 1 && args[0] == "daemon-reload":
		return failed(os.WriteFile(read, nil, 0o644))
	case len(args) == 2:
		if err, known := service(args[0], args[1]); known {
			return failed(err)
		}
	}
	if len(args) != 2 || args[0] != "restart" {
		return failed(fmt.Errorf("systemctl: %q is not known here", args))
	}
	if newer(read) {
		return failed(errors.New("systemctl: a unit was changed and not read again"))
	}
	name := strings.TrimSuffix(args[1], ".service")
	if name == inventory.Kubelet {
		if err := startKubelet("/"); err != nil {
			return failed(err)
		}
	}
	return failed(restarted(procDir, name))
}

// rcService does what systemctl does, with its words the other way round.
func rcService(args []string) int {
	if len(args) != 2 || !exists("/etc/init.d/"+args[0]) {
		return failed(fmt.Errorf("rc-service: %q is not known here", args))
	}
	return systemctl([]string{args[1], args[0]})
}

// newer reports whether a unit was changed after systemd had read them all.
func newer(read string) bool {
	since, err := os.Stat(read)
	units, _ := filepath.Glob("/etc/systemd/system/*.service")
	return err == nil && slices.ContainsFunc(units, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && info.ModTime().After(since.ModTime())
	})
}

// crictl lists the one container of each component, and stops it; the kubelet starts
// it again.
func crictl(args []string) int {
	switch {
	case len(args) == 4 && args[0] == "ps" && args[1] == "-q" && args[2] == "--name":
		fmt.Println("container-of-" + strings.Trim(args[3], "^$"))
		return 0
	case len(args) == 2 && args[0] == "stop":
		return failed(restarted(procDir, strings.TrimPrefix(args[1], "container-of-")))
	}
	return failed(fmt.Errorf("crictl: %q is not known here", args))
}

// curl says whether the API server would be ready.
func curl(args []string) int {
	if !strings.HasSuffix(args[len(args)-1], "/readyz") {
		return failed(fmt.Errorf("curl: %q is not known here", args))
	}
	if err := ready("/", must(inventory.Gather("/")), must(time.Parse(time.RFC3339, os.Getenv("AT")))); err != nil {
		return failed(err) + 6
	}
	fmt.Print("ok")
	return 0
}

// Processes of a node, as its proc file system shows them: one for each component,
// which started boot plus so many ticks.
const (
	boot  = 1700000000
	ticks = 100
)

// running puts a process of each component into the proc file system of a tree,
// which began at a time.
func running(tree string, components []inventory.Component, since time.Time) error {
	proc := filepath.Join(tree, "proc")
	if exists(proc) || len(components) == 0 {
		return nil
	}
	if err := os.MkdirAll(proc, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(proc, "stat"), fmt.Appendf(nil, "btime %d\n", boot), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(proc, "units-read"), nil, 0o644); err != nil {
		return err
	}
	for i, c := range components {
		dir := filepath.Join(proc, fmt.Sprint(1000+i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "comm"), []byte(comm(c.Name)+"\n"), 0o644); err != nil {
			return err
		}
		if err := start(dir, since); err != nil {
			return err
		}
	}
	return nil
}

// comm is as much of a program's name as the kernel keeps.
func comm(name string) string { return name[:min(len(name), 15)] }

// restarted has the processes of a component start now.
func restarted(proc, component string) error {
	found, err := filepath.Glob(filepath.Join(proc, "*/comm"))
	if err != nil {
		return err
	}
	for _, file := range found {
		if name, _ := os.ReadFile(file); strings.TrimSpace(string(name)) != comm(component) {
			continue
		}
		if err := start(filepath.Dir(file), time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// start writes when a process started: the 22nd field.
func start(dir string, at time.Time) error {
	since := (at.UnixMilli() - boot*1000) * ticks / 1000
	stat := fmt.Appendf(nil, "1 (c) S%s %d 0\n", strings.Repeat(" 0", 18), since)
	return os.WriteFile(filepath.Join(dir, "stat"), stat, 0o644)
}

// startKubelet does what a kubelet does with its files when it starts: one that rotates
// its certificate and has none yet takes the pair that kubelet.conf embeds, and without a
// serving certificate, unless it is to ask for one, it makes one (kubernetes
// pkg/kubelet/certificate, client-go util/certificate).
func startKubelet(root string) error {
	inv, err := inventory.Gather(root)
	if err != nil {
		return err
	}
	c, ok := inv.Component(inventory.Kubelet)
	if !ok {
		return errors.New("systemctl: no unit of the kubelet")
	}
	dir := filepath.Join(root, c.CertDir())
	kubeconfig := inv.Setting(inventory.Kubelet, "kubeconfig").Value
	pair, err := clientPair(root, inv.Kubeconfigs[kubeconfig])
	if err != nil {
		return fmt.Errorf("the kubelet does not start: %w", err)
	}
	current := filepath.Join(dir, "kubelet-client-current.pem")
	rotates := c.Setting("rotate-certificates").Value == "true"
	if _, err := os.Stat(current); err != nil && pair != nil && rotates {
		dated := filepath.Join(dir, "kubelet-client-"+time.Now().UTC().Format("2006-01-02-15-04-05")+".pem")
		if err := os.WriteFile(dated, pair, 0o600); err != nil {
			return err
		}
		_ = os.Remove(current)
		if err := os.Symlink("/"+must(filepath.Rel(root, dated)), current); err != nil {
			return err
		}
	}
	asks := c.Setting("rotate-server-certificates").Value == "true"
	if _, err := os.Stat(filepath.Join(dir, "kubelet.crt")); err == nil || asks || c.Setting("tls-cert-file").Value != "" {
		return nil
	}
	return selfSigned(filepath.Join(dir, "kubelet"))
}

// clientPair is what a kubeconfig shows: the contents of its files or of its fields;
// nil for nothing. It fails where they are no pair.
func clientPair(root string, k parsers.Kubeconfig) ([]byte, error) {
	_, user, ok := k.Current()
	if !ok {
		return nil, errors.New("its kubeconfig is missing, or has no current context")
	}
	data, err := readIn(root, k.Path)
	if err != nil {
		return nil, err
	}
	if !user.CertificateData.IsZero() {
		cert, key := fieldData(data, "client-certificate-data"), fieldData(data, "client-key-data")
		_, err := tls.X509KeyPair(cert, key)
		return slices.Concat(cert, key), err
	}
	if user.CertificateFile.Value == "" {
		return nil, nil
	}
	cert, err := readIn(root, user.CertificateFile.Value)
	if err != nil {
		return nil, err
	}
	key, err := readIn(root, user.KeyFile.Value)
	if err == nil {
		_, err = tls.X509KeyPair(cert, key)
	}
	return nil, err
}

// fieldData is what a kubeconfig with one cluster and one user embeds in a field.
func fieldData(kubeconfig []byte, field string) []byte {
	_, rest, _ := bytes.Cut(kubeconfig, []byte(field+": "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	data, _ := base64.StdEncoding.DecodeString(strings.Trim(string(line), "\"' \r"))
	return data
}

// readIn reads a file of a tree; links are followed in the tree.
func readIn(root, name string) ([]byte, error) {
	for range 8 {
		link, err := os.Readlink(filepath.Join(root, name))
		if err != nil {
			break
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(name), link)
		}
		name = link
	}
	return os.ReadFile(filepath.Join(root, name))
}

// selfSigned writes the serving certificate that a kubelet makes itself.
func selfSigned(base string) error {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	host := must(os.Hostname())
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(364 * 24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	if err := os.WriteFile(base+".key", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(key))}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(base+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
