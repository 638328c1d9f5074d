package cmd_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"certaudit/cmd"
	"certaudit/fixtures"
)

func TestMain(m *testing.M) {
	cmd.DoNotPause()
	cmd.PolicyPlace(os.Getenv(placeFile), os.LookupEnv)
	if filepath.Base(os.Args[0]) != "certaudit" && filepath.Base(os.Args[0]) != "kubectl-certaudit" {
		_ = os.Unsetenv("CERTAUDIT_CONFIG")
	}
	testscript.Main(m, map[string]func(){
		"certaudit": asProgram, "kubectl-certaudit": asProgram,
		floorPlain: fleetFloor(decodePlainly), floorReader: fleetFloor(decodeByReader), floorPaths: pathsFloor,
	})
}

func asProgram() {
	code := cmd.Run(os.Args[0], os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	noteStatus()
	os.Exit(code)
}

// noteStatus writes the process's own /proc/self/status where it is asked for.
func noteStatus() {
	if file := os.Getenv(statusFile); file != "" {
		status, _ := os.ReadFile("/proc/self/status")
		_ = os.WriteFile(file, status, 0o600)
	}
}

// placeFile names a variable: the file that is the default place of a policy. Tests take
// none from the machine that they run on.
const placeFile = "CERTAUDIT_TEST_POLICY"

// statusFile names a variable: the file that the program's own /proc/self/status
// is written to at its end.
const statusFile = "CERTAUDIT_TEST_STATUS"

// TestScripts runs the program as its users do. Beside testscript's commands:
//
//	node NAME DIR     write a scenario, or a real kubeadm tree (v1.34.4), below DIR
//	exits CODE ARG... run certaudit with the arguments; it must end with the code
//	fifo FILE         make a FIFO
//	serves ARG...     run certaudit serve with the arguments until it has audited
//	objects NAME FILE write objects of a real API server (v1.37.2)
//	request NAME FILE write a file of fixtures/csr
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NOW", fixtures.Now.Format("2006-01-02T15:04:05Z"))
			e.Setenv("REQUEST_NOW", fixtures.RequestTime.Format("2006-01-02T15:04:05Z"))
			e.Setenv("KUBEADM_NOW", fixtures.KubeadmTime.Format("2006-01-02T15:04:05Z"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"node":    writeNode,
			"exits":   exits,
			"fifo":    fifo,
			"serves":  serves,
			"objects": writeObjects,
			"request": writeRequest,
		},
	})
}

func writeNode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: node NAME DIR")
	}
	ts.Check(nodeNamed(ts, args[0]).Write(ts.MkAbs(args[1])))
}

func serves(ts *testscript.TestScript, _ bool, args []string) {
	c := exec.Command("certaudit", append([]string{"serve"}, args...)...)
	c.Dir = ts.Getenv("WORK")
	log, err := c.StderrPipe()
	ts.Check(err)
	ts.Check(c.Start())
	defer c.Process.Kill()
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), "msg=audit ") {
			ts.Check(c.Process.Signal(os.Interrupt))
			ts.Check(c.Wait())
			return
		}
	}
	ts.Fatalf("certaudit serve ended before it audited: %v", c.Wait())
}

func writeObjects(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: objects NAME FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), fixtures.Objects(args[0]), 0o600))
}

func nodeNamed(ts *testscript.TestScript, name string) fixtures.Node {
	for _, s := range fixtures.Scenarios() {
		if s.Name == name {
			return s.Node()
		}
	}
	for _, v := range fixtures.KubeadmVersions() {
		if v == name {
			return fixtures.Kubeadm(v)
		}
	}
	ts.Fatalf("no node %q", name)
	return nil
}

func writeRequest(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: request NAME FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), fixtures.RequestFile(args[0]), 0o644))
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("certaudit", args[1:]...)
	got := 0
	if err != nil {
		code, ok := strings.CutPrefix(err.Error(), "exit status ")
		if !ok {
			ts.Fatalf("certaudit: %v", err)
		}
		got, err = strconv.Atoi(code)
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("certaudit ended with %d, want %d", got, want)
	}
}
