// Package test holds what needs more than one top-level package: real node processes on
// loopback or in network namespaces, driven through the command line.
package test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// waitLimit bounds every wait; none is a verdict about speed.
const waitLimit = 90 * time.Second

// binary builds the program once a test run.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "distillmesh-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "distillmesh")
	cmd := exec.Command("go", "build", "-o", path, "../cmd/distillmesh")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build: %w: %s", err, out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// machine is one home, with the words that put a command into its place (ip
// netns exec NAME), none for this one.
type machine struct {
	t     *testing.T
	home  string
	place []string
	run   *exec.Cmd
	addr  string
}

// newMachine makes a home under a short folder. With loopback it listens on
// 127.0.0.1 alone, without mDNS.
func newMachine(t *testing.T, role string, loopback bool, place ...string) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "dm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &machine{t: t, home: filepath.Join(dir, "h"), place: place}
	m.verb("init", "--role", role)
	if loopback {
		text := fmt.Sprintf("[mesh]\nname = \"test-%d\"\nrole = %q\nmdns = false\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n",
			os.Getpid(), role)
		if err := os.WriteFile(filepath.Join(m.home, "config.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *machine) command(args ...string) *exec.Cmd {
	m.t.Helper()
	program, err := binary()
	if err != nil {
		m.t.Fatal(err)
	}
	line := append(append([]string{}, m.place...), program)
	line = append(line, args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "DISTILLMESH_PATH="+m.home)
	return cmd
}

// try runs a verb and returns its output and exit code.
func (m *machine) try(args ...string) (stdout, stderr string, code int) {
	m.t.Helper()
	cmd := m.command(args...)
	var out, diag strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &diag
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	return out.String(), diag.String(), cmd.ProcessState.ExitCode()
}

// verb runs a verb that must succeed and returns its trimmed output.
func (m *machine) verb(args ...string) string {
	m.t.Helper()
	out, diag, code := m.try(args...)
	if code != 0 {
		m.t.Fatalf("%s: exit code %d\n%s", strings.Join(args, " "), code, diag)
	}
	return strings.TrimSpace(out)
}

// document runs a verb with --json into v.
func (m *machine) document(v any, args ...string) {
	m.t.Helper()
	out := m.verb(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// start runs the node until the test ends, and waits for its address.
func (m *machine) start(args ...string) {
	m.t.Helper()
	m.run = m.command(append([]string{"run"}, args...)...)
	out, err := m.run.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	var diag strings.Builder
	m.run.Stderr = &diag
	if err := m.run.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(m.kill)
	scan := bufio.NewScanner(out)
	if !scan.Scan() {
		m.t.Fatalf("the node ended while starting:\n%s", diag.String())
	}
	m.addr = scan.Text()
	go io.Copy(io.Discard, out) // ends with the process
}

// kill ends the node with SIGKILL.
func (m *machine) kill() {
	if m.run != nil {
		m.run.Process.Kill()
		m.run.Wait()
		m.run = nil
	}
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(waitLimit); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("gave up waiting until %s", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

type setList struct {
	Sets []struct {
		CID    string `json:"cid"`
		Origin string `json:"origin"`
		Here   bool   `json:"here"`
	} `json:"sets"`
}

type trained struct {
	CID      string `json:"cid"`
	Accuracy *struct {
		Correct, Total int
	} `json:"accuracy"`
}

func (r trained) fraction() float64 { return float64(r.Accuracy.Correct) / float64(r.Accuracy.Total) }
