package cmd

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"certaudit/audit"
	"certaudit/parsers"
	"certaudit/report"
)

// output is one place that a report goes to; an empty file is the standard output.
type output struct {
	format report.Format
	file   string
}

// outputs writes one result to several places.
type outputs struct {
	list    []output
	stdout  io.Writer
	options report.Options
	// filter selects what is shown.
	filter audit.Filter
}

func formatNames[T any](formats []report.FormatOf[T]) []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	return names
}

// formatNamed returns the format of a name; what is what it writes, "a plan".
func formatNamed[T any](formats []report.FormatOf[T], name, what string) (report.FormatOf[T], error) {
	i := slices.IndexFunc(formats, func(f report.FormatOf[T]) bool { return f.Name == name })
	if i < 0 {
		return report.FormatOf[T]{}, fmt.Errorf("%s; %s is written as %s", parsers.Unknown("format", name, formatNames(formats)), what, strings.Join(formatNames(formats), ", "))
	}
	return formats[i], nil
}

// openOutputs reads the values of --output, and what is to be shown. Nothing is written
// yet, so that a mistake in the last of them costs nothing.
func (p *program) openOutputs(flags auditFlags, lookup func(string) (report.Format, error)) (outputs, error) {
	out := outputs{stdout: p.stdout, options: terminal(p.stdout, flags.noColor), filter: flags.filter}
	out.options.Quiet, out.options.Verbose = flags.quiet, flags.verbose
	taken := map[string]string{}
	for _, v := range flags.outputs {
		name, file, named := strings.Cut(v, "=")
		format, err := lookup(name)
		if err != nil {
			return outputs{}, err
		}
		if named && file == "" {
			return outputs{}, fmt.Errorf("--output %q names no file behind the =", v)
		}
		place := "the standard output"
		if file != "" {
			place = filepath.Clean(file)
		}
		if first, twice := taken[place]; twice {
			return outputs{}, fmt.Errorf("the formats %q and %q both go to %s; give one of them a file of its own, as in --output %s=FILE", first, name, place, name)
		}
		taken[place] = name
		out.list = append(out.list, output{format, file})
	}
	return out, nil
}

// terminal says what the reader of w can see.
func terminal(w io.Writer, noColor bool) report.Options {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return report.Options{}
	}
	o := report.Options{Color: !noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		o.Width = width
	}
	return o
}

// thisHost is this machine, with the folder that relative paths start from.
func thisHost() report.Host {
	name, _ := os.Hostname() // then nothing is called by it
	return report.Host{Name: name, Folder: filepath.ToSlash(workingFolder())}
}

// has reports whether one of the reports is of a format.
func (o outputs) has(format string) bool {
	return slices.ContainsFunc(o.list, func(out output) bool { return out.format.Name == format })
}

// unsaid are the parts of the verdict that one of the reports has no place for: how much a
// filter hides, and whether the audit is complete.
func (o outputs) unsaid(r audit.Result) []string {
	if !slices.ContainsFunc(o.list, func(out output) bool { return out.format.NoVerdict }) {
		return nil
	}
	var out []string
	if hidden := report.Hidden(r.Only(o.filter)); hidden != "" {
		out = append(out, "not shown: "+hidden)
	}
	if r.Incomplete() && !r.IsEmpty() {
		out = append(out, "the audit is incomplete; -o table says why")
	}
	return out
}

// write writes every report; one that fails costs the others nothing.
func (o outputs) write(r audit.Result) error {
	var failed []error
	shown := r.Only(o.filter)
	for _, out := range o.list {
		one := shown
		if out.format.ShowsAll {
			one = r
		}
		if err := o.writeOne(out, one); err != nil {
			failed = append(failed, fmt.Errorf("cannot write the report %q to %s: %w", out.format.Name, out.place(), bare(err)))
		}
	}
	return errors.Join(failed...)
}

func (o output) place() string {
	if o.file == "" {
		return "the standard output"
	}
	return strconv.Quote(o.file)
}

// bare drops the name of the temporary file from an error.
func bare(err error) error {
	var perr *fs.PathError
	var lerr *os.LinkError
	switch {
	case errors.As(err, &perr):
		return perr.Err
	case errors.As(err, &lerr):
		return lerr.Err
	}
	return err
}

// unwritten ends a command that cannot write something to a file, or to the standard
// output for "".
func unwritten(what, file string, err error) error {
	if file == "" {
		return exit{exitIncomplete, fmt.Sprintf("cannot write %s to the standard output: %s", what, bare(err))}
	}
	return exit{exitIncomplete, fmt.Sprintf("cannot write %s: %s", what, ofFile(file, err))}
}

// wrote ends what a command wrote to the standard output. A buffer fails with the error of
// what it could not write.
func wrote(what string, b *bufio.Writer, err error) error {
	if err = cmp.Or(err, b.Flush()); err != nil {
		return unwritten(what, "", err)
	}
	return nil
}

// ofFile words an error about a file with the name quoted, as somebody gave it.
func ofFile(name string, err error) error {
	if cause := bare(err); cause != err {
		return fmt.Errorf("%q: %w", name, cause)
	}
	return err
}

func (o outputs) writeOne(out output, r audit.Result) error {
	if out.file == "" {
		shown := o.options
		shown.Host = thisHost()
		return buffered(o.stdout, out.format, r, shown)
	}
	return replaceFile(out.file, reportMode, func(w io.Writer) error {
		return buffered(w, out.format, r, o.inFile())
	})
}

// inFile are the options of a report in a file: it has no terminal.
func (o outputs) inFile() report.Options {
	options := o.options
	options.Host, options.Width, options.Color = thisHost(), 0, false
	return options
}

func buffered(w io.Writer, f report.Format, r audit.Result, o report.Options) error {
	b := bufio.NewWriter(w)
	if err := f.Write(b, r, o); err != nil {
		return err
	}
	return b.Flush()
}

// reportMode is that of reports: they hold what everybody may know.
const reportMode = 0o644

// replaceFile writes a file of a mode beside its place and renames it, so that a reader
// never sees half of it, and an error leaves what was there before.
func replaceFile(name string, mode fs.FileMode, write func(io.Writer) error) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return writeInPlace(name, write)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(mode); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// writeInPlace writes to a device or a FIFO, which cannot be replaced.
func writeInPlace(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
