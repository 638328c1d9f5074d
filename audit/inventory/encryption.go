package inventory

import (
	"fmt"
	"path"

	"certaudit/parsers"
)

// Encryption is the configuration with which the API server encrypts what it stores, as
// far as it is public.
type Encryption struct {
	// Path is that of its file on the node, else as the API server has it.
	Path string `json:"path"`
	parsers.Encryption
}

const encryptionFlag = "encryption-provider-config"

// encryption reads the configuration that an API server encrypts by. That it cannot be read
// concerns no certificate, and is kept beside it.
func (g *gatherer) encryption(c Component, v view) {
	value := c.Setting(encryptionFlag)
	if c.Name != APIServer || value.Value == "" {
		return
	}
	host, seen := v.host(value.Value)
	e := Encryption{Path: path.Clean("/" + value.Value)}
	g.inv.Encryption = &e
	if !seen {
		e.Fault = "cannot be seen from the node"
		return
	}
	e.Path = host
	f, data := g.read(host)
	defer clear(data)
	if f.State != Readable {
		e.Fault = "is not there"
		if f.Exists() {
			e.Fault = f.Reason
		}
		return
	}
	docs, problems := parsers.ParseDocuments(host, data)
	if len(problems) > 0 { // the detail might repeat what stands there
		e.Fault = fmt.Sprintf("cannot be understood at line %d", problems[0].Origin.Line)
		return
	}
	var ok bool
	if len(docs) == 1 {
		e.Encryption, ok = docs[0].Encryption()
	}
	if !ok {
		e.Fault = "is no EncryptionConfiguration"
	}
}
