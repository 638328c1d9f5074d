package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"certaudit/audit"
)

// writeKubeadm writes what kubeadm certs check-expiration prints, byte for
// byte, without the lines in which kubeadm says where it reads its
// configuration.
//
// Source: kubernetes cmd/kubeadm/app/cmd/certs.go.
func writeKubeadm(w io.Writer, r audit.Result, _ Options) error {
	rows, err := kubeadmRows(r)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 10, 4, 3, ' ', 0)
	fmt.Fprintln(t, "CERTIFICATE\tEXPIRES\tRESIDUAL TIME\tCERTIFICATE AUTHORITY\tEXTERNALLY MANAGED")
	for _, e := range rows.certificates {
		fmt.Fprintln(t, leafLine(e, r.At))
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "CERTIFICATE AUTHORITY\tEXPIRES\tRESIDUAL TIME\tEXTERNALLY MANAGED")
	for _, e := range rows.authorities {
		fmt.Fprintln(t, authorityLine(e, r.At))
	}
	// The tabwriter keeps the first error of its writer for Flush.
	return t.Flush()
}

func leafLine(e audit.Expiration, at time.Time) string {
	if e.Missing {
		return "!MISSING! " + e.Name + "\t\t\t\t"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%-8v", e.Name, kubeadmDate(e.NotAfter), kubeadmDuration(residual(e, at)), e.Authority, yesNo(e.ExternallyManaged))
}

func authorityLine(e audit.Expiration, at time.Time) string {
	if e.Missing {
		return "!MISSING! " + e.Name + "\t\t\t"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%-8v", e.Name, kubeadmDate(e.NotAfter), kubeadmDuration(residual(e, at)), yesNo(e.ExternallyManaged))
}

// expirationInfo is kubeadm's CertificateExpirationInfo.
//
// Source: kubernetes cmd/kubeadm/app/apis/output/v1alpha3/types.go.
type expirationInfo struct {
	Kind                   string              `json:"kind"`
	APIVersion             string              `json:"apiVersion"`
	Certificates           []kubeadmExpiration `json:"certificates"`
	CertificateAuthorities []kubeadmExpiration `json:"certificateAuthorities"`
}

type kubeadmExpiration struct {
	Name string `json:"name"`
	// ExpirationDate is nil, JSON's null, for a missing file.
	ExpirationDate *time.Time `json:"expirationDate"`
	// ResidualTime is in seconds.
	ResidualTime      int64  `json:"residualTime"`
	ExternallyManaged bool   `json:"externallyManaged"`
	CAName            string `json:"caName,omitempty"`
	Missing           bool   `json:"missing"`
}

// writeKubeadmJSON writes what kubeadm certs check-expiration -o json prints,
// byte for byte.
func writeKubeadmJSON(w io.Writer, r audit.Result, _ Options) error {
	rows, err := kubeadmRows(r)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(expirationInfo{
		Kind:                   "CertificateExpirationInfo",
		APIVersion:             "output.kubeadm.k8s.io/v1alpha3",
		Certificates:           kubeadmExpirations(rows.certificates, r.At),
		CertificateAuthorities: kubeadmExpirations(rows.authorities, r.At),
	}, "", "    ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

func kubeadmExpirations(list []audit.Expiration, at time.Time) []kubeadmExpiration {
	out := make([]kubeadmExpiration, len(list))
	for i, e := range list {
		out[i] = kubeadmExpiration{Name: e.Name, Missing: e.Missing}
		if e.Missing {
			continue
		}
		notAfter := e.NotAfter.UTC().Truncate(time.Second)
		out[i].ExpirationDate = &notAfter
		out[i].ResidualTime = int64(residual(e, at) / time.Second)
		out[i].ExternallyManaged = e.ExternallyManaged
		out[i].CAName = e.Authority
	}
	return out
}

// kubeadmTables are the rows of kubeadm's two tables, in the order of the node.
type kubeadmTables struct{ certificates, authorities []audit.Expiration }

// kubeadmRows returns the rows of the one node of r. kubeadm knows nothing of
// several nodes, and prints nothing where it has not set up a control plane.
func kubeadmRows(r audit.Result) (kubeadmTables, error) {
	if len(r.Nodes) > 1 {
		return kubeadmTables{}, fmt.Errorf("the kubeadm format shows one node; the result has %d", len(r.Nodes))
	}
	if len(r.Nodes) == 0 || r.Nodes[0].Expirations == nil {
		return kubeadmTables{}, errors.New("no kubeadm control plane found; the kubeadm format shows the certificates that kubeadm manages there")
	}
	var t kubeadmTables
	for _, e := range r.Nodes[0].Expirations {
		if e.IsCA {
			t.authorities = append(t.authorities, e)
		} else {
			t.certificates = append(t.certificates, e)
		}
	}
	return t, nil
}

// residual is the time that e has left at at, in whole seconds toward zero.
func residual(e audit.Expiration, at time.Time) time.Duration {
	return e.NotAfter.Sub(at).Truncate(time.Second)
}

func kubeadmDate(t time.Time) string { return t.UTC().Format("Jan 02, 2006 15:04 MST") }

// kubeadmDuration is d in the largest unit that fits, rounded down. It is
// ShortHumanDuration of k8s.io/apimachinery/pkg/util/duration, with its years
// of 365 days.
func kubeadmDuration(d time.Duration) string {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	switch {
	case d < -time.Second:
		return "<invalid>"
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d < year:
		return fmt.Sprintf("%dd", d/day)
	}
	return fmt.Sprintf("%dy", d/year)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
