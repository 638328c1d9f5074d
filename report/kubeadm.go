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
	nodes, err := kubeadmNodes(r)
	if err != nil {
		return err
	}
	for i, rows := range nodes {
		if severalNodes(r) {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s:\n\n", printable(rows.node))
		}
		if rows.failure != "" {
			fmt.Fprintln(w, rows.failure)
			continue
		}
		if err := rows.write(w, r.At); err != nil {
			return err
		}
	}
	return nil
}

// write writes the two tables of a node.
func (t kubeadmTables) write(to io.Writer, at time.Time) error {
	w := tabwriter.NewWriter(to, 10, 4, 3, ' ', 0)
	fmt.Fprintln(w, "CERTIFICATE\tEXPIRES\tRESIDUAL TIME\tCERTIFICATE AUTHORITY\tEXTERNALLY MANAGED")
	for _, e := range t.certificates {
		fmt.Fprintln(w, t.leafLine(e, at))
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "CERTIFICATE AUTHORITY\tEXPIRES\tRESIDUAL TIME\tEXTERNALLY MANAGED")
	for _, e := range t.authorities {
		fmt.Fprintln(w, t.authorityLine(e, at))
	}
	// The tabwriter keeps the first error of its writer for Flush.
	return w.Flush()
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
	// Node is that of the rows; "", as kubeadm has it, where there is but one.
	Node string `json:"node,omitempty"`
	// Error is what kubeadm ends with there instead of rows; "" for nothing.
	Error                  string              `json:"error,omitempty"`
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
// byte for byte; of several nodes a list of such documents, each with its node.
func writeKubeadmJSON(w io.Writer, r audit.Result, _ Options) error {
	nodes, err := kubeadmNodes(r)
	if err != nil {
		return err
	}
	var documents []expirationInfo
	for _, rows := range nodes {
		documents = append(documents, rows.info(r.At))
	}
	var document any = documents
	if !severalNodes(r) {
		documents[0].Node = ""
		document = documents[0]
	}
	data, err := json.MarshalIndent(document, "", "    ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

// info is the document of a node.
func (t kubeadmTables) info(at time.Time) expirationInfo {
	return expirationInfo{
		Node:                   printable(t.node),
		Error:                  t.failure,
		Kind:                   "CertificateExpirationInfo",
		APIVersion:             "output.kubeadm.k8s.io/v1alpha3",
		Certificates:           kubeadmExpirations(t.certificates, at),
		CertificateAuthorities: kubeadmExpirations(t.authorities, at),
	}
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
	node string
	// failure is what kubeadm ends with instead of the tables; "" for nothing.
	failure                   string
	certificates, authorities []audit.Expiration
	duration                  func(time.Duration) string
}

// kubeadmNodes returns the rows of each node that kubeadm made a control plane of; it
// prints nothing elsewhere. It fails where kubeadm does on all of them.
func kubeadmNodes(r audit.Result) ([]kubeadmTables, error) {
	var nodes []kubeadmTables
	failed := 0
	for _, n := range r.Nodes {
		switch {
		case n.ExpirationError != "":
			failed++
			nodes = append(nodes, kubeadmTables{node: n.Name, failure: "kubeadm certs check-expiration ends with the error: " + printable(n.ExpirationError)})
		case n.Expirations != nil:
			nodes = append(nodes, kubeadmRows(n))
		}
	}
	switch {
	case failed > 0 && failed == len(nodes):
		return nil, errors.New(nodes[0].failure)
	case len(nodes) == 0:
		return nil, errors.New("no kubeadm control plane found; the kubeadm format shows the certificates that kubeadm manages there")
	}
	return nodes, nil
}

func kubeadmRows(n audit.Node) kubeadmTables {
	t := kubeadmTables{node: n.Name, duration: humanDuration}
	if n.ShortResidual {
		t.duration = shortHumanDuration
	}
	for _, e := range n.Expirations {
		if e.IsCA {
			t.authorities = append(t.authorities, e)
		} else {
			t.certificates = append(t.certificates, e)
		}
	}
	return t
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
