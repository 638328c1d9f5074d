package inventory

import (
	"slices"
	"strings"

	"certaudit/parsers"
)

// Holding says what lies in the file that a flag or field names.
type Holding string

// The kinds of what a reference can hold.
const (
	HoldsCertificate Holding = "certificate"
	HoldsPrivateKey  Holding = "private-key"
	// HoldsBundle: certificates that others are verified against.
	HoldsBundle Holding = "bundle"
	// HoldsSigner: the one certificate that signs requests.
	HoldsSigner Holding = "signer"
	// HoldsSignerKey: the private key of a [HoldsSigner].
	HoldsSignerKey Holding = "signer-key"
	// HoldsTokenKey: a private key that signs service account tokens.
	HoldsTokenKey Holding = "token-key"
	// HoldsTokenVerifier: public keys, private keys or certificates that
	// service account tokens are verified with.
	HoldsTokenVerifier Holding = "token-verifier"
	HoldsKubeconfig    Holding = "kubeconfig"
	// HoldsConfig: another configuration file, which may name more.
	HoldsConfig Holding = "config"
)

// Program is everything that is known of one component; [Programs] lists them.
type Program struct {
	// Name is the component's.
	Name string
	// Executable holds other names of its program; the first is the component's own.
	Executables []string
	// KeptPair is what the files of the pair that it makes itself are called in its
	// --cert-dir, without their endings; "" for none.
	KeptPair string
	// UnitWords are those of which the name of a unit that starts it has one.
	UnitWords []string
	// Environment is what the variables that stand for its flags begin with; ""
	// where there are none.
	Environment string
	// Since and Until bound the versions [Since, Until) of which Flags holds every
	// flag that concerns certificates.
	Since, Until string
	Flags        []Flag
	// Switches are its other flags that take no value from the next word.
	Switches []string
	// Fields are those of the configuration files that its flags name.
	Fields []Field
	// Modes are the first arguments that make another program of it.
	Modes []string
	// ConfigFlag names a configuration file that holds flags; "" for none. Of it,
	// ConfigSections are the parts whose keys are flags, ConfigFields fields that say
	// what a flag does, and ConfigPairs a list of certificates for names. ConfigAlone:
	// with it the flags and variables do not count.
	ConfigFlag     string
	ConfigSections []ConfigSection
	ConfigFields   []ConfigField
	ConfigPairs    string
	ConfigAlone    bool
	// ConfigKind is that of its own configuration, of which StrictConfig says that it
	// refuses a field which it does not have, in place of ignoring it.
	ConfigKind   string
	StrictConfig bool
	Listeners    []Listener
	// Reload says how it takes up a new serving certificate.
	Reload string
}

// Flag is a flag of a component.
type Flag struct {
	// Name has no dashes in front.
	Name string
	// Field of the component's own configuration that says the same; "" for none.
	Field string
	// Holds says what lies in the file that it names; "" for a flag that names none.
	Holds Holding
	// Role of the certificates found there; for a key, of the one it belongs to.
	Role string
	// Pair is the flag that names the other half of a pair.
	Pair string
	// Default is the value in effect where it is not given; "" for none.
	Default string
	// Since is the first version that has the flag, Until the first that has it no
	// more; "" where the program's own bounds are passed. Versions are of
	// Kubernetes, etcd's are its own.
	Since, Until string
	// Instead is the flag that took its place and takes the same values; "" for none.
	Instead string
	// Switch: it is a boolean.
	Switch bool
	// Repeats: it may be given several times, and every value counts.
	Repeats bool
	// ReadOnce: the file is read when the program starts, and not again before
	// the version Rereads, if that is not "".
	ReadOnce bool
	Rereads  string
}

// Field is a field of a configuration file, which names a file or embeds what
// lies in one.
type Field struct {
	// Kind of the document; "" for one that says none.
	Kind string
	// Field is a pattern as of [parsers.Document.Find].
	Field string
	Holds Holding
	Role  string
	// Pair is the field beside it that names the other half of a pair.
	Pair string
}

// ConfigSection maps a section of a configuration file to the prefix that its
// keys have as flags.
type ConfigSection struct{ Section, Prefix string }

// ConfigField is a field of a configuration file, a pattern as of
// [parsers.Document.Find], that stands for a flag where that is not given.
type ConfigField struct{ Field, Flag string }

// Listener is where a program serves with TLS.
type Listener struct {
	// Address and Port are the flags that say where.
	Address, Port string
	// URLs is the flag that lists URLs, in place of the two.
	URLs string
	// Certificate is the flag that names what is served; "" where none may name it.
	Certificate string
}

// ProgramNamed returns what is known of a component.
func ProgramNamed(component string) (Program, bool) {
	i := slices.IndexFunc(programs, func(p Program) bool { return p.Name == component })
	if i < 0 {
		return Program{}, false
	}
	return programs[i], true
}

// IsProgram reports whether a reference's component is one that runs.
func IsProgram(component string) bool {
	_, ok := ProgramNamed(component)
	return ok
}

// Programs returns every component that is known. The slice is the caller's own.
func Programs() []Program { return slices.Clone(programs) }

// Flag returns the row of a flag.
func (p Program) Flag(name string) (Flag, bool) {
	i := slices.IndexFunc(p.Flags, func(f Flag) bool { return f.Name == name })
	if i < 0 {
		return Flag{}, false
	}
	return p.Flags[i], true
}

// Knows reports whether a flag is in the table, be it as one that concerns nothing
// here.
func (p Program) Knows(name string) bool {
	_, known := p.Flag(name)
	return known || slices.Contains(p.Switches, name) || slices.Contains(commonSwitches, name)
}

// componentStartedBy returns the component that a program of this name is, or "".
func componentStartedBy(program string) string { return byExecutable[program] }

// questions are flags with which a program prints something and ends.
var questions = []string{"version", "help", "h"}

// componentOfCommand returns the component that a command starts, or "": none
// where it only asks a program for its version, or for something else that it can do.
func componentOfCommand(c parsers.Command) string {
	name := componentStartedBy(c.Program)
	p, _ := ProgramNamed(name)
	asks := func(f parsers.Flag) bool { return slices.Contains(questions, f.Name) && f.Value != "false" }
	if slices.ContainsFunc(c.Flags, asks) {
		return ""
	}
	if len(c.Args) > 0 && slices.Contains(p.Modes, c.Args[0].Value) {
		return ""
	}
	return name
}

// componentOfImage returns the component that an image is called by, or "".
func componentOfImage(image string) string {
	image = baseName(image)
	image, _, _ = strings.Cut(image, "@")
	image, _, _ = strings.Cut(image, ":")
	if IsProgram(image) {
		return image
	}
	return ""
}

var byExecutable = func() map[string]string {
	names := map[string]string{}
	for _, p := range programs {
		for _, name := range append([]string{p.Name}, p.Executables...) {
			names[name] = p.Name
		}
	}
	return names
}()

// grammar is what the parser of command lines has to know of the programs.
var grammar = func() parsers.Grammar {
	g := parsers.Grammar{Wrappers: wrappers, Switches: map[string]bool{}, Programs: map[string]map[string]bool{}, Mentions: map[string]bool{}}
	for _, p := range programs {
		own := map[string]bool{}
		for _, name := range p.Switches {
			g.Switches[name], own[name] = true, true
		}
		for _, f := range p.Flags {
			own[f.Name] = f.Name != "name" // which any program may have
			if f.Switch {
				g.Switches[f.Name] = true
			}
		}
		g.Programs[p.Name] = own
	}
	for _, name := range commonSwitches {
		g.Switches[name] = true
	}
	for _, name := range mentions {
		g.Mentions[name] = true
	}
	return g
}()

// isUnitName reports whether a unit of this name may start a component.
func isUnitName(name string) bool {
	return slices.ContainsFunc(programs, func(p Program) bool {
		return slices.ContainsFunc(p.UnitWords, func(word string) bool { return strings.Contains(name, word) })
	})
}
