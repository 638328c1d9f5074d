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
		fmt.Fprintln(t, rows.leafLine(e, r.At))
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "CERTIFICATE AUTHORITY\tEXPIRES\tRESIDUAL TIME\tEXTERNALLY MANAGED")
	for _, e := range rows.authorities {
		fmt.Fprintln(t, rows.authorityLine(e, r.At))
	}
	// The tabwriter keeps the first error of its writer for Flush.
	return t.Flush()
}

func (t kubeadmTables) leafLine(e audit.Expiration, at time.Time) string {
	if e.Missing {
		return "!MISSING! " + e.Name + "\t\t\t\t"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%-8v", e.Name, kubeadmDate(e.NotAfter), t.duration(residual(e, at)), e.Authority, yesNo(e.ExternallyManaged))
}

func (t kubeadmTables) authorityLine(e audit.Expiration, at time.Time) string {
	if e.Missing {
		return "!MISSING! " + e.Name + "\t\t\t"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%-8v", e.Name, kubeadmDate(e.NotAfter), t.duration(residual(e, at)), yesNo(e.ExternallyManaged))
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

// kubeadmTables are the rows of kubeadm's two tables, in the order of the node,
// and how it writes what is left.
type kubeadmTables struct {
	certificates, authorities []audit.Expiration
	duration                  func(time.Duration) string
}

// kubeadmRows returns the rows of the one node of r. kubeadm knows nothing of
// several nodes, and prints nothing where it has not set up a control plane.
func kubeadmRows(r audit.Result) (kubeadmTables, error) {
	if len(r.Nodes) > 1 {
		return kubeadmTables{}, fmt.Errorf("the kubeadm format shows one node; the result has %d", len(r.Nodes))
	}
	if len(r.Nodes) > 0 && r.Nodes[0].ExpirationError != "" {
		return kubeadmTables{}, fmt.Errorf("kubeadm certs check-expiration ends with the error: %s", r.Nodes[0].ExpirationError)
	}
	if len(r.Nodes) == 0 || r.Nodes[0].Expirations == nil {
		return kubeadmTables{}, errors.New("no kubeadm control plane found; the kubeadm format shows the certificates that kubeadm manages there")
	}
	t := kubeadmTables{duration: humanDuration}
	if r.Nodes[0].ShortResidual {
		t.duration = shortHumanDuration
	}
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

// The units of kubeadm's durations. Its years have 365 days.
const (
	kubeadmDay  = 24 * time.Hour
	kubeadmYear = 365 * kubeadmDay
)

// shortHumanDuration is d in the largest unit that fits, rounded down, as
// kubeadm before 1.31 writes it with ShortHumanDuration of
// k8s.io/apimachinery/pkg/util/duration.
func shortHumanDuration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fewSeconds(d)
	case d < time.Hour:
		return units(d, time.Minute, "m")
	case d < kubeadmDay:
		return units(d, time.Hour, "h")
	case d < kubeadmYear:
		return units(d, kubeadmDay, "d")
	}
	return units(d, kubeadmYear, "y")
}

// humanDuration is d in two or three digits, as kubeadm writes it since 1.31
// with HumanDuration of the same package: near the limit of a unit, with the next
// smaller one.
func humanDuration(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fewSeconds(d)
	case d < 10*time.Minute:
		return units(d, time.Minute, "m") + rest(d%time.Minute, time.Second, "s")
	case d < 3*time.Hour:
		return units(d, time.Minute, "m")
	case d < 8*time.Hour:
		return units(d, time.Hour, "h") + rest(d%time.Hour, time.Minute, "m")
	case d < 2*kubeadmDay:
		return units(d, time.Hour, "h")
	case d < 8*kubeadmDay:
		return units(d, kubeadmDay, "d") + rest(d%kubeadmDay, time.Hour, "h")
	case d < 2*kubeadmYear:
		return units(d, kubeadmDay, "d")
	case d < 8*kubeadmYear:
		return units(d, kubeadmYear, "y") + rest(d%kubeadmYear, kubeadmDay, "d")
	}
	return units(d, kubeadmYear, "y")
}

// fewSeconds is a duration of less than minutes. One second too late is taken for
// a difference of the clocks.
func fewSeconds(d time.Duration) string {
	switch {
	case d < -time.Second:
		return "<invalid>"
	case d < 0:
		return "0s"
	}
	return units(d, time.Second, "s")
}

func units(d, unit time.Duration, letter string) string {
	return fmt.Sprintf("%d%s", d/unit, letter)
}

// rest is [units], and nothing for none of them.
func rest(d, unit time.Duration, letter string) string {
	if d < unit {
		return ""
	}
	return units(d, unit, letter)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
