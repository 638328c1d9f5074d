package cmd

import (
	"certaudit/audit/inventory"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	dto "github.com/prometheus/client_model/go"

	"certaudit/audit"
	"certaudit/report"
)

// server audits and serves what it found last. Only run changes anything; the
// handlers read state.
type server struct {
	flags serveFlags
	log   *slog.Logger
	now   func() time.Time
	// gather reads what is audited; tests replace it.
	gather func(*inventory.Cache, *audit.Policy) ([]*inventory.Inventory, error)
	// look is how often the files are looked at; lookEvery but in tests.
	look time.Duration

	// host is the machine that is audited where PATHs are.
	host   report.Host
	policy *audit.Policy
	// cache and memory are what is known of the audits before.
	cache  *inventory.Cache
	memory *audit.Memory
	health report.ServerHealth
	timing report.Health
	result audit.Result
	// node is what the result is of, where its snapshot is served; nil otherwise.
	node *inventory.Inventory
	// passwords are those of key stores.
	passwords []string
	// compat says how the metrics of the other exporter are made; nil for none.
	compat *report.X509
	// failure is that of the last audit, nil for none.
	failure error
	// logged is what the last log line about the state said, and webLogged the one about
	// the web configuration.
	logged, webLogged string

	state atomic.Pointer[state]
}

// state is what the handlers serve: all of one audit.
type state struct {
	result audit.Result
	health report.Health
	compat *report.X509
	node   *inventory.Inventory
	// made are the metrics of the result for as long as there is memory for them:
	// with ten thousand certificates they take four mebibytes.
	mu   sync.Mutex
	made weak.Pointer[[]*dto.MetricFamily]
	// answers are those that somebody is being sent.
	answers map[exposition]weak.Pointer[[]byte]
	// audited says that there was an audit that gave a result; unready is why what is
	// served is not of the last audit, nil where it is.
	audited bool
	unready error
}

// errNoResult is what is wrong before the first audit that gives a result.
var errNoResult = errors.New("no audit has given a result yet")

func newServer(f serveFlags, policy *audit.Policy, log *slog.Logger, now func() time.Time) *server {
	s := &server{flags: f, log: log, now: now, look: lookEvery, policy: policy}
	if len(f.paths) > 0 {
		s.host = thisHost()
		s.host.Name = cmp.Or(f.nodeName, s.host.Name)
	}
	s.compat, _ = f.compatible() // validate has refused what is wrong
	s.forget()
	s.gather = func(c *inventory.Cache, policy *audit.Policy) ([]*inventory.Inventory, error) {
		var more []string
		if policy != nil {
			more, c.Layouts = policy.Paths, policy.Layouts
		}
		if len(f.paths) > 0 {
			c.Exclude = f.exclude
			nodes, rest, err := c.GatherPaths(f.paths, more)
			if rest != nil {
				nodes = append(nodes, rest)
			}
			return nodes, err
		}
		inv, err := c.Gather(f.roots[0], more...)
		return []*inventory.Inventory{inv}, err
	}
	s.publish()
	return s
}

// A burst of changes is one audit: quiet after the last change, and patience for
// changes that never end. A storm of them costs at most a share of the time.
const (
	quiet    = 200 * time.Millisecond
	patience = 2 * time.Second
	// rest is how many times as long as the last audit took is waited after it.
	rest = 4
)

// readAll is the interval, counted from the start, at which all is read whether or not
// it seems to have changed: once an hour with the default.
const readAll = 12

// lookEvery is how often the files are looked at whose changes the kernel may
// not have reported.
const lookEvery = 30 * time.Second

// run audits until ctx ends.
func (s *server) run(ctx context.Context, watch func() (watcher, error), reload <-chan os.Signal) {
	w := &watching{open: watch}
	defer w.close()
	tick, look := time.NewTicker(s.flags.interval), time.NewTicker(s.look)
	defer tick.Stop()
	defer look.Stop()
	work := func(why string) <-chan time.Time {
		defer debug.FreeOSMemory() // what an audit leaves behind
		return s.audit(w, why)
	}
	var first, ended time.Time
	intervals := 0
	dates := time.NewTimer(0)
	defer dates.Stop()
	due := work("start")
	for {
		dates.Reset(max(s.untilDates(), time.Until(ended.Add(rest*s.timing.Duration))))
		why := ""
		select {
		case <-dates.C:
			why = "date"
		case <-ctx.Done():
			return
		case <-w.changes():
			now := time.Now()
			if due == nil {
				first = now
			}
			wait := min(quiet, first.Add(patience).Sub(now))
			due = time.After(max(wait, ended.Add(rest*s.timing.Duration).Sub(now), 0))
			continue
		case <-due:
			due, why = nil, "change"
		case <-look.C:
			s.tellWebConfig()
			why = "change"
		case <-tick.C:
			why = "interval"
			if intervals++; intervals%readAll == 0 {
				s.cache.Distrust()
			}
		case <-reload:
			s.reload()
			s.tellWebConfig()
			why = "reload"
		}
		if why == "change" && !s.cache.Changed() || why == "date" && !s.dated() {
			continue
		}
		due = work(why)
		ended = time.Now()
	}
}

// farDate is how long is waited for a date at most: the timer does not run while a
// machine sleeps.
const farDate = time.Minute

// untilDates is how long it is until a date of a certificate changes what is found.
func (s *server) untilDates() time.Duration {
	left := s.result.Changes.Sub(s.now())
	switch {
	case s.result.Changes.IsZero() || left > farDate:
		return farDate
	case left <= 0:
		return time.Second // the audit at that date has failed
	}
	return left + time.Millisecond // a certificate is valid at its last instant
}

// dated reports whether a date of a certificate has changed what is found.
func (s *server) dated() bool { return !s.result.Changes.IsZero() && s.now().After(s.result.Changes) }

// forget drops what is known of the audits before.
func (s *server) forget() {
	s.cache, s.memory = inventory.NewCache(time.Now, workingFolder()), nil
	s.cache.Wait, s.cache.Processes, s.cache.Passwords = pause, s.flags.processes, s.passwords
}

// reload reads the policy again and forgets what is remembered of vanished
// files. A policy that cannot be used leaves the one before in force.
func (s *server) reload() {
	defer func() { s.forget() }()
	policy, err := s.flags.servedPolicy()
	passwords, unread := s.flags.passwords(openRegular)
	s.health.ConfigRefused = err != nil || unread != nil
	if unread != nil {
		s.log.Error("passwords of key stores cannot be read; those before stay in force", "error", unread)
	} else {
		s.passwords = passwords
	}
	if err != nil {
		s.log.Error("policy refused; the one before stays in force", "error", err)
		return
	}
	s.policy = policy
	s.tellPolicy()
}

// tellPolicy logs which policy is in force, and why that one.
func (s *server) tellPolicy() {
	if file := s.policy.File(); file != nil {
		s.log.Info("policy", "path", file.Path, "from", file.From)
	}
}

// audit runs one audit and publishes it. One that fails leaves the last result.
// The channel is nil unless something changed before its folder was followed.
func (s *server) audit(w *watching, why string) (again <-chan time.Time) {
	start := time.Now()
	r, err := s.once()
	took := time.Since(start)
	s.health.Watching = w.follow(s.cache.Folders())
	s.health.Audits++
	s.health.Failed, s.failure = err != nil, err
	if err != nil {
		s.health.Failures++
	} else {
		s.result, s.timing = r, report.Health{Ended: s.now(), Duration: took, Host: s.host}
		if s.compat != nil {
			counted := *s.compat
			counted.Errors = s.compat.Count(r, s.host)
			s.compat = &counted
		}
	}
	s.publish()
	// What the log tells of can be scraped by then.
	if err != nil {
		s.log.Error("audit failed; the last result is served", "why", why, "error", err)
	} else {
		s.log.Info("audit", "why", why, "seconds", fmt.Sprintf("%.3f", took.Seconds()), "certificates", r.Summary.Certificates,
			"critical", r.Summary.Critical, "warning", r.Summary.Warning, "info", r.Summary.Info, "complete", !r.Incomplete())
	}
	s.tell()
	if w.grew && s.cache.Changed() {
		return time.After(quiet)
	}
	return nil
}

// once audits. A panic is an error like any other.
func (s *server) once() (r audit.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the audit panicked: %v; please report it with: %s", p, debug.Stack())
		}
	}()
	late := deadline(s.now)
	inventories, err := s.gather(s.cache, s.policy)
	if err != nil {
		return r, err
	}
	now := s.now()
	o := audit.Options{At: now, Now: now, Overrides: s.flags.overrides, Policy: s.policy, Late: late}
	if s.policy != nil && o.Profile == "" {
		o.Profile = s.policy.Profile
	}
	r, s.memory = audit.Rerun(s.memory, inventories, o)
	if s.flags.snapshot {
		taken := *inventories[0]
		taken.TakenAt = takenAt(o.At)
		s.node = &taken
	}
	return r, nil
}

// publish makes what is known what is served.
func (s *server) publish() {
	health, server := s.timing, s.health
	health.Server = &server
	now := &state{result: s.result, health: health, compat: s.compat, node: s.node, audited: s.health.Audits > s.health.Failures}
	switch {
	case !now.audited:
		now.unready = errNoResult
	case s.failure != nil:
		now.unready = fmt.Errorf("the last audit failed, and the result of the one before is served: %w", s.failure)
	}
	s.state.Store(now)
}

// families returns the metrics. Scrapes that come together share them.
func (s *state) families() []*dto.MetricFamily {
	s.mu.Lock()
	defer s.mu.Unlock()
	if made := s.made.Value(); made != nil {
		return *made
	}
	families := report.Metrics(s.result, s.health)
	if s.compat != nil {
		families = append(families, report.X509Metrics(s.result, s.health.Host, *s.compat)...)
	}
	s.made = weak.Make(&families)
	return families
}

// tellWebConfig logs that the web configuration, which is read at every connection, cannot
// be used any more, or can be again: until then nobody is answered.
func (s *server) tellWebConfig() {
	wrong := ""
	if err := s.flags.webConfigFault(); err != nil {
		wrong = err.Error()
	}
	switch {
	case wrong == s.webLogged:
	case wrong == "":
		s.log.Warn("the web configuration can be used again")
	default:
		s.log.Error("nobody is answered", "error", wrong)
	}
	s.webLogged = wrong
}

// tell logs a change of what the audit thinks of the node.
func (s *server) tell() {
	state := "sound"
	sum := s.result.Summary
	switch {
	case s.health.Failed:
		state = "failed"
	case s.result.Incomplete():
		state = "incomplete"
	case sum.Critical > 0:
		state = "critical"
	case sum.Warning > 0:
		state = "warning"
	}
	if !s.health.Watching {
		state += ", not watching"
	}
	if state != s.logged {
		s.log.Warn("state", "was", s.logged, "is", state)
		s.logged = state
	}
}
