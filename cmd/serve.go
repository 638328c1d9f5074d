package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/parsers"
	"certaudit/report"
)

// serveFlags are those of certaudit serve.
type serveFlags struct {
	auditFlags
	interval time.Duration
	// nodeName is what metrics of PATHs have as their node.
	nodeName string
	// addresses, webConfig and systemd are those of every Prometheus exporter.
	addresses []string
	webConfig string
	systemd   bool
	// snapshot: the node's snapshot is served.
	snapshot bool
}

// defaultAddress is a port that no exporter of the Prometheus wiki's list has.
const defaultAddress = ":9907"

func (p *program) serveCommand() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve [PATH...]",
		Short: "Serve the audit as Prometheus metrics and as a page",
		Long: `Audit at the start, whenever a file that was read changes, and at an interval,
and serve the last result: /metrics for Prometheus, / for people, /healthz and
/readyz (/-/healthy and /-/ready) for supervisors. A certificate whose file
vanishes stays as missing. What is served and what the PATHs mean is as with
certaudit audit.

SIGHUP reads the policy and the passwords again and forgets what has vanished;
SIGTERM ends.`,
		Example: `  certaudit serve
  certaudit serve --web.listen-address 127.0.0.1:9907 --web.config.file web.yaml
  certaudit serve --metrics-compat x509 /etc/ssl/private`,
		RunE: func(c *cobra.Command, args []string) error {
			f.paths = args
			if len(args) > 0 && c.Flags().Changed("root") {
				return errors.New("a PATH cannot be combined with --root: it is audited with no node around")
			}
			if len(args) > 0 && f.processes {
				return errors.New("--from-processes needs a node, and a PATH is audited with no node around")
			}
			if len(args) == 0 && (f.nodeName != "" || len(f.exclude) > 0) {
				return errors.New("--node and --exclude are for PATHs; a node of --root has its own name, and its files are named by its configuration")
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return p.serve(ctx, f)
		},
	}
	flags := c.Flags()
	f.registerRoot(c, "audit the node whose file system lies below `DIR`; links are followed inside it")
	f.registerProcesses(c)
	f.config.register(c, p.places, policyUsage)
	flags.StringVar(&f.overrides.KubernetesVersion, "kubernetes-version", "", "judge by the requirements of this `VERSION` (default: from the image tags)")
	flags.StringVar(&f.overrides.Profile, "profile", "", "judge by the requirements of this `PROFILE` (default: from what is found): "+strings.Join(audit.Profiles(), ", "))
	f.registerExclude(c)
	f.registerPasswords(c)
	flags.StringVar(&f.nodeName, "node", "", "call the node of PATHs by this `NAME` in metrics (default: the host name)")
	flags.DurationVar(&f.interval, "interval", 5*time.Minute, "audit at least once in this `TIME`, whether or not a file is seen to change")
	f.registerCompat(c)
	flags.StringArrayVar(&f.addresses, "web.listen-address", []string{defaultAddress}, "listen on this `ADDRESS`; may be repeated")
	flags.StringVar(&f.webConfig, "web.config.file", "", "take TLS and authentication from this `FILE`, in the form of the Prometheus exporter toolkit")
	flags.BoolVar(&f.systemd, "web.systemd-socket", false, "listen on the sockets that systemd passes, instead of addresses")
	flags.BoolVar(&f.snapshot, "web.snapshot", false, "serve at /snapshot what certaudit snapshot writes; needs a --web.config.file that asks clients who they are, since it tells more than metrics do")
	complete(c, "profile", audit.Profiles())
	return c
}

// minInterval keeps a mistyped interval from becoming a load.
const minInterval = time.Second

func (f *serveFlags) validate() error {
	if _, err := f.compatible(); err != nil {
		return err
	}
	if err := f.excludeFault(); err != nil {
		return err
	}
	if f.interval < minInterval {
		return fmt.Errorf("--interval %s is shorter than %s", f.interval, minInterval)
	}
	if err := f.webConfigFault(); err != nil {
		return err
	}
	switch {
	case f.snapshot && f.webConfig == "":
		return errors.New("--web.snapshot needs --web.config.file with authentication: a snapshot tells how the node is configured")
	case f.snapshot && len(f.paths) > 0:
		return errors.New("--web.snapshot is of a node, and a PATH is audited with no node around")
	case f.snapshot:
		config, err := readWebConfig(f.webConfig)
		if err != nil {
			return err
		}
		if !config.asksPassword() && !config.verifiesClients() {
			return fmt.Errorf("the file %q of --web.config.file lets everybody in, and --web.snapshot tells how the node is configured; give it basic_auth_users, or client_auth_type: RequireAndVerifyClientCert", f.webConfig)
		}
	}
	return f.overrides.Validate()
}

// webConfigFault is what is wrong with the web configuration, nil for nothing.
func (f *serveFlags) webConfigFault() error {
	if f.webConfig == "" {
		return nil
	}
	config, err := readWebConfig(f.webConfig)
	if err == nil {
		err = config.filesFault()
	}
	if err == nil {
		err = web.Validate(f.webConfig)
	}
	if err != nil {
		return fmt.Errorf("the file %q of --web.config.file cannot be used: %w", f.webConfig, err)
	}
	return nil
}

// maxWebConfigBytes bounds a web configuration.
const maxWebConfigBytes = 1 << 20

// webConfig is a web configuration: its first document, which is what the toolkit reads;
// none for an empty file.
type webConfig []parsers.Document

// readWebConfig reads a web configuration. The toolkit would wait for a pipe, and says
// better what is wrong with the text.
func readWebConfig(name string) (webConfig, error) {
	h, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	data, err := readBounded(name, h, maxWebConfigBytes)
	if err != nil {
		return nil, err
	}
	documents, _ := parsers.ParseDocuments(name, data)
	return documents[:min(1, len(documents))], nil
}

// filesFault is what keeps a file that the configuration names from being opened, nil for
// nothing.
func (c webConfig) filesFault() error {
	for _, d := range c {
		for _, field := range []string{"cert_file", "key_file", "client_ca_file"} {
			file := d.First("tls_server_config." + field)
			if file.Value == "" {
				continue
			}
			name := file.Value
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(file.Origin.Path), name)
			}
			h, err := openRegular(name)
			if err != nil {
				return err
			}
			h.Close()
		}
	}
	return nil
}

// asksPassword reports whether every request needs a password. Without a user none does
// (web/handler.go of the toolkit).
func (c webConfig) asksPassword() bool {
	return len(c) > 0 && len(c[0].At("basic_auth_users.*")) > 0
}

// verifiesClients reports whether certificates of clients are verified. The other types
// take any certificate, or none (crypto/tls, ClientAuthType).
func (c webConfig) verifiesClients() bool {
	return len(c) > 0 && slices.Contains([]string{"VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}, c[0].First("tls_server_config.client_auth_type").Value)
}

// shutdownFor is how long scrapes that have begun may take to finish.
const shutdownFor = 900 * time.Millisecond

// gcPercent trades a little work for memory: the server holds much and makes
// little.
const gcPercent = 15

// saveMemory gives up what a server that writes no tables and is not profiled
// has no use for.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	runtime.MemProfileRate = 0
	report.DropWidthCache()
}

// serve runs until ctx ends, or until a listener fails.
func (p *program) serve(ctx context.Context, f serveFlags) error {
	if err := f.validate(); err != nil {
		return err
	}
	policy, err := f.servedPolicy()
	if err != nil {
		return err
	}
	passwords, err := f.passwords(openRegular)
	if err != nil {
		return err
	}
	saveMemory()
	listeners, err := f.listen()
	if err != nil {
		return exit{exitIncomplete, err.Error()}
	}
	log := slog.New(slog.NewTextHandler(p.stderr, nil))
	s := newServer(f, policy, log, p.now)
	s.passwords = passwords
	s.tellPolicy()
	if outside := audit.DefaultRequirements().Outside(f.overrides.KubernetesVersion); outside != "" {
		log.Warn(outside)
	}
	s.forget()

	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	go s.run(ctx, newWatcher, reload)
	return s.listen(ctx, listeners)
}

// servedPolicy reads the policy of a server, which must not wait for a pipe that
// nobody writes to.
func (f *serveFlags) servedPolicy() (*audit.Policy, error) { return f.config.read(openRegular) }

// listen opens the listeners.
func (f *serveFlags) listen() ([]net.Listener, error) {
	if f.systemd {
		listeners, err := activation.Listeners()
		if err != nil {
			return nil, err
		}
		listeners = slices.DeleteFunc(listeners, func(l net.Listener) bool { return l == nil })
		if len(listeners) == 0 {
			return nil, errors.New("systemd passed no socket; start the server by its socket unit, or leave out --web.systemd-socket")
		}
		return listeners, nil
	}
	var listeners []net.Listener
	for _, a := range f.addresses {
		l, err := net.Listen("tcp", a)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// Limits for slow and hostile clients.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 3 * time.Minute
	maxHeaderBytes = 16 << 10
	// maxConnections of one listener; for one more another is closed.
	maxConnections = 256
)

// listen serves until ctx ends; then scrapes that have begun are finished. Each
// listener has a server of its own, since the toolkit changes the one it is given.
func (s *server) listen(ctx context.Context, listeners []net.Listener) error {
	failed := make(chan error, len(listeners))
	var servers []*http.Server
	off := false
	flags := &web.FlagConfig{WebListenAddresses: &s.flags.addresses, WebConfigFile: &s.flags.webConfig, WebSystemdSocket: &off}
	handler := s.handler()
	for _, l := range listeners {
		h := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ConnState: connState, ErrorLog: slog.NewLogLogger(discard, slog.LevelDebug)}
		servers = append(servers, h)
		s.log.Info("listening", "address", l.Addr().String())
		// The toolkit puts its own handler around the one that it is given.
		begin := func() { h.Handler = &turns{Handler: h.Handler} }
		go func() {
			failed <- web.Serve(&connections{Listener: l, most: maxConnections, begin: begin}, h, flags, slog.New(discard))
		}()
	}
	var cause error
	select {
	case <-ctx.Done():
		s.log.Info("ending")
	case cause = <-failed:
		s.log.Error("cannot serve", "error", cause)
	}
	end, cancel := context.WithTimeout(context.Background(), shutdownFor)
	defer cancel()
	done := make(chan struct{})
	for _, h := range servers {
		go func() {
			if h.Shutdown(end) != nil {
				h.Close()
			}
			done <- struct{}{}
		}()
	}
	for range servers {
		<-done
	}
	if cause != nil && !errors.Is(cause, http.ErrServerClosed) {
		return exit{exitIncomplete, ""}
	}
	return nil
}

// discard takes what clients can make the HTTP server say.
var discard = slog.NewTextHandler(io.Discard, nil)
