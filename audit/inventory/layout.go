package inventory

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
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
	// Data is the folder where nothing says otherwise, and FileMode the widest mode that
	// the distribution gives to files in it, "0660"; "" for none that is too wide.
	Data     string `yaml:"data"`
	FileMode string `yaml:"file-mode"`
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
	// Renews says that controllers of its own renew the certificates of a cluster that
	// runs, long before their ends.
	Renews bool `yaml:"renews"`
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
