//go:build !race

package proof

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"certaudit/audit/inventory"
)

// ready reports why the API server of a tree would not be ready: it does not start,
// does not reach etcd, or admin.conf does not reach it. It goes by the files alone,
// with crypto/tls, and shares nothing with the audit but the reading of flags.
func ready(root string, inv *inventory.Inventory, at time.Time) error {
	s := server{root, inv, at}
	for _, pair := range [][2]string{{"tls-cert-file", "tls-private-key-file"}, {"kubelet-client-certificate", "kubelet-client-key"},
		{"proxy-client-cert-file", "proxy-client-key-file"}, {"etcd-certfile", "etcd-keyfile"}} {
		if _, err := s.pair(inventory.APIServer, pair[0], pair[1]); err != nil {
			return err
		}
	}
	for _, flag := range []string{"service-account-key-file", "service-account-signing-key-file"} {
		if _, err := s.file(inventory.APIServer, flag); err != nil {
			return err
		}
	}
	if err := s.toEtcd(); err != nil {
		return fmt.Errorf("kube-apiserver -> etcd: %w", err)
	}
	if _, err := os.Stat(filepath.Join(root, inventory.DefaultKubeconfigDir, "admin.conf")); err != nil {
		return nil
	}
	if err := s.fromAdmin(); err != nil {
		return fmt.Errorf("admin.conf -> kube-apiserver: %w", err)
	}
	return nil
}

// server are the files of a tree as its components read them at a time.
type server struct {
	root string
	inv  *inventory.Inventory
	at   time.Time
}

// file is what a flag names; nil where the component has no such flag.
func (s server) file(component, flag string) ([]byte, error) {
	ref, ok := s.inv.ReferenceOf(component, flag)
	if !ok {
		return nil, nil
	}
	return readIn(s.root, ref.Path)
}

func (s server) pair(component, cert, key string) ([]tls.Certificate, error) {
	c, err := s.file(component, cert)
	if err != nil || c == nil {
		return nil, err
	}
	k, err := s.file(component, key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(c, k)
	if err != nil {
		return nil, fmt.Errorf("%s --%s: %w", component, cert, err)
	}
	return []tls.Certificate{pair}, nil
}

func (s server) pool(component, flag string) (*x509.CertPool, error) {
	data, err := s.file(component, flag)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s --%s: no certificates", component, flag)
	}
	return pool, nil
}

func (s server) toEtcd() error {
	if _, here := s.inv.Component(inventory.Etcd); !here {
		return nil
	}
	served, err := s.pair(inventory.Etcd, "cert-file", "key-file")
	if err != nil || served == nil {
		return err
	}
	if _, err := s.pair(inventory.Etcd, "peer-cert-file", "peer-key-file"); err != nil {
		return err
	}
	clients, err := s.pool(inventory.Etcd, "trusted-ca-file")
	if err != nil {
		return err
	}
	shown, err := s.pair(inventory.APIServer, "etcd-certfile", "etcd-keyfile")
	if err != nil {
		return err
	}
	trusted, err := s.pool(inventory.APIServer, "etcd-cafile")
	if err != nil {
		return err
	}
	dialled, _, _ := strings.Cut(s.inv.Setting(inventory.APIServer, "etcd-servers").Value, ",")
	return s.shake(dialled, &tls.Config{Certificates: served, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert},
		&tls.Config{Certificates: shown, RootCAs: trusted})
}

func (s server) fromAdmin() error {
	data, err := readIn(s.root, inventory.DefaultKubeconfigDir+"/admin.conf")
	if err != nil {
		return err
	}
	served, err := s.pair(inventory.APIServer, "tls-cert-file", "tls-private-key-file")
	if err != nil {
		return err
	}
	clients, err := s.pool(inventory.APIServer, "client-ca-file")
	if err != nil {
		return err
	}
	shown, err := tls.X509KeyPair(fieldData(data, "client-certificate-data"), fieldData(data, "client-key-data"))
	if err != nil {
		return err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(fieldData(data, "certificate-authority-data"))
	_, rest, _ := strings.Cut(string(data), "server: ")
	dialled, _, _ := strings.Cut(rest, "\n")
	return s.shake(strings.TrimSpace(dialled), &tls.Config{Certificates: served, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert},
		&tls.Config{Certificates: []tls.Certificate{shown}, RootCAs: trusted})
}

// shake has a client and a server shake hands.
func (s server) shake(dialled string, serverConfig, clientConfig *tls.Config) error {
	u, err := url.Parse(dialled)
	if err != nil {
		return err
	}
	now := func() time.Time { return s.at }
	serverConfig.Time, clientConfig.Time, clientConfig.ServerName = now, now, u.Hostname()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	refused := make(chan error, 1)
	go func() {
		err := tls.Server(there, serverConfig).Handshake()
		_ = there.Close()
		refused <- err
	}()
	client := tls.Client(here, clientConfig)
	err = client.Handshake()
	if err == nil {
		_, err = client.Read(make([]byte, 1)) // in TLS 1.3 the server's refusal comes after
		if err != nil {
			err = nil
		}
	}
	_ = here.Close()
	return errors.Join(err, <-refused)
}
