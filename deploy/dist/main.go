// Command dist builds a release of certaudit: archives, packages, an image, and what
// speaks of them. It is a module of its own, so that the modules that make packages are
// none of the program's. The same tree, version and Go give the same bytes, in whatever
// folder and at whatever time.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "dist: %v\n", err)
		os.Exit(1)
	}
}

// run builds what the arguments ask for, and lists what it has written.
func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("dist", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("root", "../..", "build the tree in this `folder`")
	out := flags.String("out", "../../bin/dist", "write into this `folder`; what an earlier build wrote there is removed")
	version := flags.String("version", "", "release this `version`, as in 1.2.3 (default: that of the commit's tag, else 0.0.0-dev and when and what was committed)")
	revision := flags.String("revision", "", "say that this is the `commit` (default: that of the folder)")
	date := flags.String("date", "", "when it was committed, in `seconds` since 1970 (default: as git says)")
	maintainer := flags.String("maintainer", "", "who answers for the packages, as `Name <address>` (default: the author of the commit)")
	url := flags.String("url", "", "the `address` of the folder that the files will be downloaded from (default: the repository's releases)")
	only := flags.String("targets", "", "build for these `systems` alone, as in linux/amd64,darwin/arm64 (default: all)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	chosen, err := targetsNamed(*only)
	if err != nil {
		return err
	}
	r, err := newRelease(*root, given{*version, *revision, *date, *maintainer})
	if err != nil {
		return err
	}
	if r.url = strings.TrimSuffix(*url, "/"); r.url == "" {
		r.url = r.repository + "/releases/download/v" + r.version
	}
	if r.out, err = emptyFolder(*out); err != nil {
		return err
	}
	if err := r.build(chosen, stdout); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "certaudit %s, revision %s, is in %s\n", r.version, r.revision, r.out)
	return nil
}
