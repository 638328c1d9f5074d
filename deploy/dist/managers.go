package main

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// The manifest of a plugin of krew: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
type (
	plugin struct {
		APIVersion string     `yaml:"apiVersion"`
		Kind       string     `yaml:"kind"`
		Metadata   metadata   `yaml:"metadata"`
		Spec       pluginSpec `yaml:"spec"`
	}
	metadata struct {
		Name string `yaml:"name"`
	}
	pluginSpec struct {
		Version          string           `yaml:"version"`
		Homepage         string           `yaml:"homepage"`
		ShortDescription string           `yaml:"shortDescription"`
		Description      string           `yaml:"description"`
		Platforms        []pluginPlatform `yaml:"platforms"`
	}
	pluginPlatform struct {
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		} `yaml:"selector"`
		URI    string       `yaml:"uri"`
		SHA256 string       `yaml:"sha256"`
		Files  []pluginFile `yaml:"files"`
		Bin    string       `yaml:"bin"`
	}
	pluginFile struct {
		From string `yaml:"from"`
		To   string `yaml:"to"`
	}
)

// address is where a file of the release will be downloaded from. A plus sign stands for
// itself in the path of an address, and for a blank where it is taken for a query.
func (r *release) address(file string) string {
	return r.url + "/" + strings.ReplaceAll(file, "+", "%2B")
}

// krew writes the manifest with which the program is installed as a plugin of kubectl,
// for the systems of the archives.
func (r *release) krew(archives map[target]archive) error {
	p := plugin{APIVersion: "krew.googlecontainertools.github.com/v1alpha2", Kind: "Plugin", Metadata: metadata{name},
		Spec: pluginSpec{Version: "v" + r.version, Homepage: r.repository, ShortDescription: "Audit the certificates of Kubernetes nodes", Description: description + "\n"}}
	for _, t := range targets {
		a, ok := archives[t]
		if !ok || t.arch == "riscv64" {
			continue // krew's index refuses it: cmd/validate-krew-manifest of krew 0.4.3
		}
		platform := pluginPlatform{URI: r.address(a.file), SHA256: a.sum, Bin: name + t.ending(),
			Files: []pluginFile{{a.folder + "/" + name + t.ending(), "."}, {a.folder + "/LICENSE", "."}}}
		platform.Selector.MatchLabels = map[string]string{"os": t.os, "arch": t.arch}
		p.Spec.Platforms = append(p.Spec.Platforms, platform)
	}
	data, err := yaml.Marshal(p)
	if err != nil {
		return err
	}
	return r.write("krew/"+name+".yaml", data)
}

// brewSystems are what Homebrew calls the systems that it runs on.
var brewSystems = []struct {
	target
	system, cpu string
}{
	{target{"darwin", "arm64"}, "macos", "arm"}, {target{"darwin", "amd64"}, "macos", "intel"},
	{target{"linux", "arm64"}, "linux", "arm"}, {target{"linux", "amd64"}, "linux", "intel"},
}

// homebrew writes a formula that installs the archives: https://docs.brew.sh/Formula-Cookbook
func (r *release) homebrew(archives map[target]archive) error {
	var b strings.Builder
	fmt.Fprintf(&b, "class Certaudit < Formula\n  desc \"Audit the certificates of Kubernetes nodes\"\n  homepage %q\n  version %q\n  license %q\n", r.repository, r.version, license)
	for _, system := range []string{"macos", "linux"} {
		var urls strings.Builder
		for _, s := range brewSystems {
			if a, ok := archives[s.target]; ok && s.system == system {
				fmt.Fprintf(&urls, "    on_%s do\n      url %q\n      sha256 %q\n    end\n", s.cpu, r.address(a.file), a.sum)
			}
		}
		if urls.Len() > 0 {
			fmt.Fprintf(&b, "\n  on_%s do\n%s  end\n", system, urls.String())
		}
	}
	b.WriteString(`
  def install
    bin.install "certaudit"
    man1.install Dir["man/man1/*"]
    man5.install Dir["man/man5/*"]
    man7.install Dir["man/man7/*"]
    bash_completion.install "completions/certaudit.bash" => "certaudit"
    zsh_completion.install "completions/_certaudit"
    fish_completion.install "completions/certaudit.fish"
  end

  test do
    assert_match "certaudit #{version}", shell_output("#{bin}/certaudit version")
  end
end
`)
	return r.write("homebrew/"+name+".rb", []byte(b.String()))
}
