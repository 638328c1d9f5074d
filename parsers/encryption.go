package parsers

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Encryption is what an EncryptionConfiguration says of the order of providers and keys. Of
// the keys themselves nothing is kept, nor anything that is made of them.
type Encryption struct {
	// Origin is where the document begins.
	Origin Origin `json:"origin"`
	// Entries are in the order of the file: of several for one resource the first counts.
	Entries []EncryptionEntry `json:"entries,omitempty"`
	// Fault is why the rest was not understood; "" where all was.
	Fault string `json:"fault,omitempty"`
}

// EncryptionEntry says how some resources are encrypted.
type EncryptionEntry struct {
	// Resources are names such as "secrets", "widgets.example.com", "*.apps" and "*.*".
	Resources []string `json:"resources"`
	// Keys are the providers and their keys in the order in which they are tried to read; the
	// first one writes: "identity", "aescbc key1", "kms v2 vault".
	Keys []string `json:"keys"`
}

// EncryptionIdentity is the key of [EncryptionEntry] that encrypts nothing.
const EncryptionIdentity = "identity"

const (
	providerKMS = "kms"
	// maxEncryption bounds the entries of a configuration, its resources and its keys.
	maxEncryption = 1000
	// maxEncryptionName bounds the name of a resource or key, in bytes.
	maxEncryptionName = 512
)

// keyProviders are the providers with keys of their own, by the lengths of these in bytes
// (k8s.io/apiserver pkg/apis/apiserver/validation/validation_encryption.go).
var keyProviders = map[string][]int{"aescbc": {16, 24, 32}, "aesgcm": {16, 24, 32}, "secretbox": {32}}

// Encryption returns what a document says as an EncryptionConfiguration, which was an
// EncryptionConfig before Kubernetes 1.13. ok is false for any other.
func (d Document) Encryption() (e Encryption, ok bool) {
	if kind := d.Kind(); kind != "EncryptionConfiguration" && kind != "EncryptionConfig" {
		return e, false
	}
	var shape []Problem
	it := d.item(&shape)
	e.Origin = it.origin()
	for _, entry := range it.mappings("resources") {
		r := EncryptionEntry{}
		for _, t := range entry.texts("resources") {
			r.Resources = append(r.Resources, t.Value)
		}
		for _, provider := range entry.mappings("providers") {
			keys, fault := provider.encryptionKeys()
			if fault != "" {
				e.fail(fault)
			}
			r.Keys = append(r.Keys, keys...)
		}
		if len(r.Resources) == 0 || len(r.Keys) == 0 {
			e.fail(fmt.Sprintf("lacks resources or providers at line %d", entry.node.Line))
		}
		e.Entries = append(e.Entries, r)
	}
	if len(shape) > 0 {
		e.fail(fmt.Sprintf("has at line %d what %s", shape[0].Origin.Line, shape[0].Detail))
	}
	if !e.IsBounded() {
		e.Entries, e.Fault = nil, "has more resources or keys, or longer names, than are read"
	}
	return e, true
}

// fail keeps the first fault.
func (e *Encryption) fail(fault string) {
	if e.Fault == "" {
		e.Fault = fault
	}
}

// IsBounded reports whether a configuration is no larger than any real one.
func (e Encryption) IsBounded() bool {
	resources, keys := 0, 0
	for _, r := range e.Entries {
		resources, keys = resources+len(r.Resources), keys+len(r.Keys)
		if slices.ContainsFunc(slices.Concat(r.Resources, r.Keys), func(name string) bool { return len(name) > maxEncryptionName }) {
			return false
		}
	}
	return max(len(e.Entries), resources, keys) <= maxEncryption
}

// encryptionKeys returns the keys of a provider, by its kind and their names. What is no
// key as the API server demands it is a fault, and its name is not kept: it may be the
// secret itself in the wrong place.
func (it item) encryptionKeys() (keys []string, fault string) {
	var kinds []string
	for kind := range it.entries() {
		kinds = append(kinds, kind)
	}
	fault = fmt.Sprintf("has a provider that is not understood at line %d", it.node.Line)
	if len(kinds) != 1 {
		return nil, fault
	}
	kind := kinds[0]
	body, _ := it.get(kind)
	switch lengths := keyProviders[kind]; {
	case kind == EncryptionIdentity:
		return []string{EncryptionIdentity}, ""
	case body.node == nil || resolved(body.node).Kind != yaml.MappingNode:
		return nil, fault
	case kind == providerKMS:
		version := body.textOf("apiVersion").Value
		if version == "" {
			version = "v1"
		}
		if version != "v1" && version != "v2" || body.textOf("name").Value == "" {
			return nil, fault
		}
		return []string{kind + " " + version + " " + body.textOf("name").Value}, ""
	case lengths != nil:
		for _, key := range body.mappings("keys") {
			secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key.textOf("secret").Value))
			sound := err == nil && slices.Contains(lengths, len(secret))
			clear(secret)
			if !sound {
				return keys, fmt.Sprintf("has a key at line %d without a secret of the right length in base64", key.node.Line)
			}
			keys = append(keys, kind+" "+key.textOf("name").Value)
		}
		return keys, ""
	}
	return nil, fault
}
