package inventory

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Layout says how a distribution of Kubernetes that starts the components by itself
// keeps its files: what shows it, what it starts with which flags, and what issues its
// certificates again. In its texts {data} stands for the folder in which it keeps them,
// {unit} for the service of systemd that starts it, and in arguments and paths {NAME}
// for a setting of that name. A path that is not absolute lies below {data}.
type Layout struct {
	// Name is the distribution's own.
	Name string `yaml:"name"`
	// Profile is the requirement profile; "" for the one that asks least.
	Profile string `yaml:"profile"`
	// Program is the executable that a service of systemd starts. The name of the
	// service holds it.
	Program string `yaml:"program"`
	// Services are names of services that show it whatever they start.
	Services []string `yaml:"services"`
	// Kubelet are the beginnings of words that show it: of what the kubelet's service
	// starts, or of a file with its variables; behind "exec:" of a plugin that its
	// kubeconfig names.
	Kubelet []string `yaml:"kubelet"`
	// Data is the folder where nothing says otherwise.
	Data string `yaml:"data"`
	// Modes are the first arguments of the program, each with a path that shows the
	// mode where no service does.
	Modes []LayoutMode `yaml:"modes"`
	// Config lists the files with settings; the first that is there counts, with what
	// lies in the folder of its name and ".d".
	Config []string `yaml:"config"`
	// Environment is what the variables that stand for settings begin with; "" for none.
	Environment string          `yaml:"environment"`
	Settings    []LayoutSetting `yaml:"settings"`
	// Variables are those of its files of arguments.
	Variables  map[string]string `yaml:"variables"`
	Components []LayoutComponent `yaml:"components"`
	// Files are those that no flag of a component names. Each may be absent.
	Files []LayoutFile `yaml:"files"`
	// Configurations are files of a user's that name certificates of other servers.
	Configurations []LayoutConfiguration `yaml:"configurations"`
	// Bundles says that its bundles of CAs hold several at all times, and Verifies that its
	// API servers verify what kubelets serve, and call them by their addresses.
	Bundles  bool `yaml:"bundles"`
	Verifies bool `yaml:"verifies"`
	// Remedies issue certificates again; the first that has a file holds for it.
	Remedies []LayoutRemedy `yaml:"remedies"`
	// Authority says how a CA is replaced, Names how a certificate is given another name,
	// Others what issues certificates again for which there is no remedy.
	Authority string `yaml:"authority"`
	Names     string `yaml:"names"`
	Others    string `yaml:"others"`
	// Logs say where components write; the first that is for a component holds for it.
	Logs []LayoutLog `yaml:"logs"`
	// Unseen says where it stands what the components are started with, if in no file.
	Unseen string `yaml:"unseen"`
	// Elsewhere says which part of the cluster is not on the node, and how to look at it.
	Elsewhere string `yaml:"elsewhere"`
	// Advice is what a plan says beside its own steps.
	Advice []LayoutAdvice `yaml:"advice"`
}

// LayoutLog is a command that prints a log.
type LayoutLog struct {
	// Components that write it; none for all.
	Components []string `yaml:"components"`
	Command    string   `yaml:"command"`
}

// LayoutMode is a way in which a distribution's program is run.
type LayoutMode struct {
	Name string `yaml:"name"`
	// Folder, or a file, shows the mode, unless another path is there. Its name may have
	// one *.
	Folder string `yaml:"folder"`
	Unless string `yaml:"unless"`
	// Holds is a text that the file has; "" for any.
	Holds string `yaml:"holds"`
}

// LayoutSetting is a flag of a distribution's program or a field of its configuration.
type LayoutSetting struct {
	// Name is the flag's, without dashes.
	Name  string `yaml:"name"`
	Short string `yaml:"short"`
	// Field of the configuration, as of [parsers.Document.Find]; "" for Name.
	Field string `yaml:"field"`
	// Environment is the rest of the variable's name; "" for Name in capitals.
	Environment string `yaml:"environment"`
	Default     string `yaml:"default"`
	// Unnamed: with it the node is not called as its host.
	Unnamed bool `yaml:"unnamed"`
}

// variable is the one that stands for a setting; "" for none.
func (l Layout) variable(s LayoutSetting) string {
	if l.Environment == "" {
		return ""
	}
	return l.Environment + cmp.Or(s.Environment, strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_")))
}

// variables are those that stand for settings.
func (l Layout) variables() []string {
	var names []string
	for _, s := range l.Settings {
		if name := l.variable(s); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// LayoutComponent is a component that a distribution starts.
type LayoutComponent struct {
	Name string `yaml:"name"`
	// Modes in which it is started; none for all.
	Modes []string `yaml:"modes"`
	// LayoutCondition holds where it is.
	LayoutCondition `yaml:",inline"`
	// Arguments are its flags. One with a setting that has no value is left out.
	Arguments []string `yaml:"arguments"`
	// ArgumentsFile names a file with one argument a line.
	ArgumentsFile string `yaml:"arguments-file"`
	// Also are more of them, where a condition holds.
	Also []LayoutArguments `yaml:"also"`
	// More is the setting with arguments of the user's, "name=value": one of the layout's,
	// or a flag or field of that name.
	More string `yaml:"more"`
}

// LayoutArguments are arguments that are given where a condition holds.
type LayoutArguments struct {
	LayoutCondition `yaml:",inline"`
	Arguments       []string `yaml:"arguments"`
}

// LayoutCondition holds where When is there, Unless is not, and no setting of Off is on.
type LayoutCondition struct {
	When   string   `yaml:"when"`
	Unless string   `yaml:"unless"`
	Off    []string `yaml:"off"`
}

// LayoutFile is a file of a distribution's.
type LayoutFile struct {
	// Path may have one * in its name; Pair then has one for the same. Where it is a
	// setting, the file must be there once that has a value.
	Path string `yaml:"path"`
	// Modes in which it is of use; none for all.
	Modes []string `yaml:"modes"`
	// Holds is one of the holdings, or "secret": a Kubernetes Secret of TLS in JSON.
	Holds Holding `yaml:"holds"`
	Role  string  `yaml:"role"`
	// Pair is the file with the key of a certificate, or of a CA; "" for none.
	Pair string `yaml:"pair"`
	// Unnamed: the file counts only where no component names it.
	Unnamed bool `yaml:"unnamed"`
	// Mode is what the distribution gives it where that is wider than it should be,
	// "0644"; "" where it is not.
	Mode string `yaml:"mode"`
}

// LayoutConfiguration is a file whose fields name certificates, keys and CAs.
type LayoutConfiguration struct {
	Path string `yaml:"path"`
	// Role is that of the certificates.
	Role string `yaml:"role"`
	// Certificate, Key and Authority are fields as of [parsers.Document.Find]: those of one
	// mapping belong together.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	Authority   string `yaml:"authority"`
}

// LayoutRemedy says what issues certificates again.
type LayoutRemedy struct {
	// Title says in one line what the commands do, or what is to be done where there are
	// none.
	Title string `yaml:"title"`
	// Modes in which it is one; none for all.
	Modes []string `yaml:"modes"`
	// Files are patterns as of [path.Match], and Roles those of certificates; none for all.
	Files    []string `yaml:"files"`
	Roles    []string `yaml:"roles"`
	Commands []string `yaml:"commands"`
}

// LayoutAdvice is how a distribution's own tools fix what a plan fixes on one node.
type LayoutAdvice struct {
	// Checks are those of the findings that it is about, by name or by family,
	// "validity/*"; none for all.
	Checks []string `yaml:"checks"`
	// Files are patterns as of [path.Match]; none for all.
	Files []string `yaml:"files"`
	Text  string   `yaml:"text"`
}

// HoldsSecret: a Secret of TLS as a program keeps it in a file.
const HoldsSecret Holding = "secret"

// Distribution is what is known of how a node was made, apart from kubeadm.
type Distribution struct {
	// Name and Profile are those of the [Layout].
	Name    string `json:"name"`
	Profile string `json:"profile,omitempty"`
	// Mode is that of its program.
	Mode string `json:"mode"`
	// Data is the folder in which it keeps its files.
	Data string `json:"data"`
	// Unit is the service that starts it, as of [Component]; "" where none was seen.
	Unit string `json:"unit,omitempty"`
	// Elsewhere says which part of the cluster is not on the node, and how to look at
	// it; "" for nothing.
	Elsewhere string `json:"elsewhere,omitempty"`
}

//go:embed layouts/*.yaml
var layoutFiles embed.FS

// layoutOrder is that in which the layouts are tried.
var layoutOrder = []string{"k3s", "rke2", "k0s", "microk8s", "talos", "rke1",
	"minikube", "kind", "openshift", "kops", "eks", "aks", "gke", "gardener", "cluster-api", "kubekey", "kubespray", "hard-way"}

// Layouts returns the layouts that are part of the program, in the order in which
// they are tried. The slice is the caller's own.
func Layouts() []Layout { return slices.Clone(ownLayouts) }

var ownLayouts = func() []Layout {
	var all []Layout
	for _, name := range layoutOrder {
		data, err := layoutFiles.ReadFile("layouts/" + name + ".yaml")
		var l Layout
		if err == nil {
			d := yaml.NewDecoder(bytes.NewReader(data))
			d.KnownFields(true)
			err = d.Decode(&l)
		}
		if err == nil {
			_, err = l.Validate()
		}
		if err != nil {
			panic(fmt.Sprintf("layout %s: %s", name, err)) // a test reads it before any user does
		}
		all = append(all, l)
	}
	return all
}()

// withOwn returns layouts of a user's before those of the program that have none of
// their names.
func withOwn(users []Layout) []Layout {
	all := slices.Clone(users)
	for _, l := range ownLayouts {
		if !slices.ContainsFunc(users, func(u Layout) bool { return u.Name == l.Name }) {
			all = append(all, l)
		}
	}
	return all
}

// placeholders match what stands for something in a text of a layout.
var placeholders = regexp.MustCompile(`\{([a-z0-9-]+)\}`)

// layoutHoldings are those that a file of a layout may have.
var layoutHoldings = []Holding{HoldsCertificate, HoldsBundle, HoldsKubeconfig, HoldsTokenKey, HoldsTokenVerifier, HoldsSecret}

// Validate returns an error for a layout that means nothing or contradicts itself, and
// the part of it at fault, ".files[2]"; "" for the whole.
func (l Layout) Validate() (part string, err error) {
	switch {
	case l.Name == "":
		return "", fmt.Errorf("the layout has no name")
	case !path.IsAbs(l.Data):
		return ".data", fmt.Errorf("%q is no absolute path; data is the folder in which the distribution keeps its files", l.Data)
	case len(l.Modes) == 0:
		return "", fmt.Errorf("the layout has no modes: nothing shows it")
	}
	for i, m := range l.Modes {
		if m.Name == "" || m.Folder == "" {
			return fmt.Sprintf(".modes[%d]", i), fmt.Errorf("a mode has no name or no folder")
		}
	}
	for i, c := range l.Configurations {
		if c.Path == "" || !slices.Contains(roleNames, c.Role) {
			return fmt.Sprintf(".configurations[%d]", i), fmt.Errorf("a configuration has no path, or an unknown role %q; it is one of %s", c.Role, strings.Join(roleNames, ", "))
		}
	}
	for i, r := range l.Remedies {
		if err := l.areModes(r.Modes); err != nil {
			return fmt.Sprintf(".remedies[%d]", i), err
		}
		for _, role := range r.Roles {
			if !slices.Contains(roleNames, role) {
				return fmt.Sprintf(".remedies[%d]", i), fmt.Errorf("unknown role %q; it is one of %s", role, strings.Join(roleNames, ", "))
			}
		}
	}
	for i, c := range l.Components {
		if err := l.validateComponent(c); err != nil {
			return fmt.Sprintf(".components[%d]", i), err
		}
	}
	for i, f := range l.Files {
		if err := cmp.Or(f.validate(), l.areModes(f.Modes)); err != nil {
			return fmt.Sprintf(".files[%d]", i), err
		}
	}
	for i, a := range l.Advice {
		if a.Text == "" {
			return fmt.Sprintf(".advice[%d]", i), fmt.Errorf("an advice has no text")
		}
	}
	for _, text := range l.texts() {
		if name, ok := unknownIn(text, l.hasSetting); !ok {
			return "", fmt.Errorf("%q: %q is no setting of the layout", text, name)
		}
	}
	for _, text := range l.told() {
		if name, ok := unknownIn(text, func(string) bool { return false }); !ok {
			return "", fmt.Errorf("%q: {%s} does not stand for anything here; {data} and {unit} do", text, name)
		}
	}
	return "", nil
}

func (f LayoutFile) validate() error {
	switch {
	case f.Path == "":
		return fmt.Errorf("a file has no path")
	case !slices.Contains(layoutHoldings, f.Holds):
		return fmt.Errorf("unknown holding %q; it is one of %s", f.Holds, joined(layoutHoldings))
	case f.Holds != HoldsTokenKey && f.Holds != HoldsTokenVerifier && !slices.Contains(roleNames, f.Role):
		return fmt.Errorf("unknown role %q; it is one of %s", f.Role, strings.Join(roleNames, ", "))
	}
	return nil
}

func (l Layout) validateComponent(c LayoutComponent) error {
	if !IsProgram(c.Name) {
		return fmt.Errorf("unknown component %q; it is one of %s", c.Name, strings.Join(programNames(), ", "))
	}
	if err := l.areModes(c.Modes); err != nil {
		return err
	}
	off := slices.Clone(c.Off)
	for _, also := range c.Also {
		off = append(off, also.Off...)
	}
	for _, name := range off {
		if !l.hasSetting(name) {
			return fmt.Errorf("%q is no setting of the layout", name)
		}
	}
	return nil
}

// areModes returns an error for what is no mode of the layout.
func (l Layout) areModes(names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(l.Modes, func(of LayoutMode) bool { return of.Name == name }) {
			return fmt.Errorf("%q is no mode of the layout", name)
		}
	}
	return nil
}

func (l Layout) hasSetting(name string) bool {
	return slices.ContainsFunc(l.Settings, func(s LayoutSetting) bool { return s.Name == name })
}

// unknownIn returns the first word in braces that stands for nothing; ok is true
// where there is none.
func unknownIn(text string, known func(string) bool) (name string, ok bool) {
	for _, m := range placeholders.FindAllStringSubmatch(text, -1) {
		if m[1] != "data" && m[1] != "unit" && !known(m[1]) {
			return m[1], false
		}
	}
	return "", true
}

// texts are those in which settings may stand.
func (l Layout) texts() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(l.Variables)) {
		out = append(out, l.Variables[name])
	}
	for _, c := range l.Components {
		out = append(append(out, c.Arguments...), c.When, c.Unless, c.ArgumentsFile)
		for _, also := range c.Also {
			out = append(append(out, also.Arguments...), also.When, also.Unless)
		}
	}
	for _, f := range l.Files {
		out = append(out, f.Path, f.Pair)
	}
	for _, c := range l.Configurations {
		out = append(out, c.Path)
	}
	return out
}

// told are the texts that a plan or a finding tells.
func (l Layout) told() []string {
	out := []string{l.Authority, l.Names, l.Others, l.Unseen, l.Elsewhere}
	for _, a := range l.Advice {
		out = append(out, a.Text)
	}
	for _, log := range l.Logs {
		out = append(out, log.Command)
	}
	for _, r := range l.Remedies {
		out = append(append(out, r.Title), r.Commands...)
	}
	return out
}

func programNames() []string {
	var names []string
	for _, p := range programs {
		names = append(names, p.Name)
	}
	return names
}

func joined[S ~string](list []S) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}
