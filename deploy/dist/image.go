package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageFolder is the folder of the image's layout.
const imageFolder = "image"

// image writes an image for all programs as an OCI layout, and the layout as a tar
// archive. It holds the program alone, and is started as deploy/Dockerfile has it.
func (r *release) image(programs []program) error {
	if len(programs) == 0 {
		return nil
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range programs {
		image, err := r.imageOf(p)
		if err != nil {
			return err
		}
		platform := &v1.Platform{OS: p.os, Architecture: p.arch}
		if p.arch == "arm" {
			platform.Variant = "v7"
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	dir := filepath.Join(r.out, imageFolder)
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := l.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version})); err != nil {
		return err
	}
	files, err := under(dir)
	if err != nil {
		return err
	}
	data, err := tarred(files, r.date)
	if err != nil {
		return err
	}
	return r.write(fmt.Sprintf("%s_%s_image.tar", name, r.version), data)
}

// imageOf is the image of a program.
func (r *release) imageOf(p program) (v1.Image, error) {
	data, err := tarred([]file{{name, 0o755, p.data}}, r.date)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	at := v1.Time{Time: r.date}
	config := &v1.ConfigFile{
		OS: p.os, Architecture: p.arch, Created: at, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User: "0:0", Entrypoint: []string{"/" + name}, Cmd: []string{"serve", "--root=/host"},
			ExposedPorts: map[string]struct{}{"9907/tcp": {}},
			Labels: map[string]string{
				"org.opencontainers.image.title": name, "org.opencontainers.image.description": summary, "org.opencontainers.image.licenses": license,
				"org.opencontainers.image.version": r.version, "org.opencontainers.image.revision": r.revision,
				"org.opencontainers.image.created": r.date.Format(time.RFC3339), "org.opencontainers.image.source": r.repository,
			},
		},
	}
	if p.arch == "arm" {
		config.Variant = "v7"
	}
	image, err := mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), config)
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: at, CreatedBy: "make dist"}})
}

// under are the files below a folder.
func under(dir string) ([]file, error) {
	var out []file
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out = append(out, file{filepath.ToSlash(rel), 0o644, data})
		return err
	})
	return out, err
}
