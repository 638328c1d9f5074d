package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bill writes what a program is made of, as it says itself, as a CycloneDX bill of
// materials.
func (r *release) bill(p program) error {
	info, err := buildinfo.ReadFile(p.file)
	if err != nil {
		return err
	}
	main := cdx.Component{
		BOMRef: "pkg:golang/" + name + "@v" + r.version + "?goos=" + p.os + "&goarch=" + p.arch, Type: cdx.ComponentTypeApplication,
		Name: name, Version: r.version, Description: summary,
		Hashes:             &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum(p.data)}},
		Licenses:           &cdx.Licenses{{License: &cdx.License{ID: license}}},
		ExternalReferences: &[]cdx.ExternalReference{{Type: cdx.ERTypeVCS, URL: r.repository}},
		Properties:         &[]cdx.Property{{Name: "certaudit:revision", Value: r.revision}},
	}
	main.PackageURL = main.BOMRef
	components := []cdx.Component{library("std", info.GoVersion[len("go"):], "")}
	for _, m := range info.Deps {
		if m.Replace != nil {
			return fmt.Errorf("the module %s is replaced: what is built is not what its name says", m.Path)
		}
		components = append(components, library(m.Path, m.Version, m.Sum))
	}
	refs := []string{}
	dependencies := []cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	for _, c := range components {
		refs = append(refs, c.BOMRef)
		dependencies = append(dependencies, cdx.Dependency{Ref: c.BOMRef})
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = serial(p.data)
	bom.Metadata = &cdx.Metadata{Timestamp: r.date.Format(time.RFC3339), Component: &main}
	bom.Components, bom.Dependencies = &components, &dependencies
	var b bytes.Buffer
	encoder := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	if err := encoder.Encode(bom); err != nil {
		return err
	}
	return r.write(fmt.Sprintf("%s_%s_%s_%s.cdx.json", name, r.version, p.os, p.arch), b.Bytes())
}

// library is a module of Go. sum is its line of go.sum, which is no hash of one file.
func library(path, version, sum string) cdx.Component {
	c := cdx.Component{Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: "pkg:golang/" + path + "@" + version}
	c.BOMRef = c.PackageURL
	if sum != "" {
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: sum}}
	}
	return c
}

// serial is a UUID of version 8 (RFC 9562) that is the program's own, and the same for
// the same program.
func serial(program []byte) string {
	s := sha256.Sum256(program)
	s[6], s[8] = s[6]&0x0f|0x80, s[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])
}
