package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A file has a path with slashes.
type file struct {
	path string
	mode fs.FileMode
	data []byte
}

// An archive is one that was written.
type archive struct {
	// file is its name, folder the one that everything in it lies in.
	file, folder string
	// sum is its SHA-256 in hexadecimal.
	sum string
}

// archive writes the program with what belongs to it for whoever installs it by hand.
func (r *release) archive(p program, t texts) (archive, error) {
	folder := fmt.Sprintf("%s_%s_%s_%s", name, r.version, p.os, p.arch)
	files := slices.Concat([]file{{name + p.ending(), 0o755, p.data}, {"LICENSE-THIRD-PARTY", 0o644, t.notices}}, t.top, t.manuals, t.completions)
	if p.os == "linux" {
		files = append(append(files, t.units...), file{"certaudit.yaml", 0o644, t.policy})
	}
	for i := range files {
		files[i].path = folder + "/" + files[i].path
	}
	a := archive{file: folder + ".tar.gz", folder: folder}
	write := gzipped
	if p.os == "windows" {
		a.file, write = folder+".zip", zipped
	}
	data, err := write(files, r.date)
	if err != nil {
		return a, err
	}
	a.sum = sum(data)
	return a, r.write(a.file, data)
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// byPath are files in the order of their paths.
func byPath(files []file) []file {
	return slices.SortedFunc(slices.Values(files), func(a, b file) int { return strings.Compare(a.path, b.path) })
}

// folders are those that files lie in, outer ones first.
func folders(files []file) []string {
	seen := map[string]bool{}
	for _, f := range files {
		for i, c := range f.path {
			if c == '/' {
				seen[f.path[:i+1]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// tarred are files of root as a tar archive, all of one time, each folder before what is
// in it.
func tarred(files []file, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	header := func(typ byte, path string, mode fs.FileMode, size int) error {
		return w.WriteHeader(&tar.Header{Typeflag: typ, Name: path, Mode: int64(mode.Perm()), Size: int64(size), ModTime: date, Uname: "root", Gname: "root", Format: tar.FormatUSTAR})
	}
	for _, dir := range folders(files) {
		if err := header(tar.TypeDir, dir, 0o755, 0); err != nil {
			return nil, err
		}
	}
	for _, f := range byPath(files) {
		if err := header(tar.TypeReg, f.path, f.mode, len(f.data)); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// gzipped are files as a compressed tar archive.
func gzipped(files []file, date time.Time) ([]byte, error) {
	data, err := tarred(files, date)
	if err != nil {
		return nil, err
	}
	return compressed(data)
}

// compressed is data as gzip has it, without a name and a time.
func compressed(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// zipped are files as a zip archive.
func zipped(files []file, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range byPath(files) {
		h := &zip.FileHeader{Name: f.path, Method: zip.Deflate, Modified: date}
		h.SetMode(f.mode)
		entry, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// checksums writes those of all files of the release but the image's folder, whose blobs
// are named by theirs, as sha256sum reads them.
func (r *release) checksums() error {
	var b strings.Builder
	err := filepath.WalkDir(r.out, func(path string, entry fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(r.out, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && rel == imageFolder:
			return fs.SkipDir
		case entry.IsDir() || rel == sums:
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil {
			fmt.Fprintf(&b, "%s  %s\n", sum(data), filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.write(sums, []byte(b.String()))
}
