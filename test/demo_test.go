//go:build linux

package test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// demoNodes is how many processes the demonstration starts: ten edges and a
// trainer.
const demoNodes = 11

// However the demonstration ends, its nodes end too.
func TestDemoLeavesNoProcessBehind(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		code   int // -1: ended by the signal
	}{
		{"interrupted", syscall.SIGINT, 130},
		{"killed", syscall.SIGKILL, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := shortDir(t)
			demo, diag := startDemo(t, dir)
			eventually(t, "every node of the demonstration runs", func() bool { return len(nodesUnder(dir)) == demoNodes })
			if err := demo.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			demo.Wait()
			if got := demo.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit code %d, want %d\n%s", got, c.code, diag)
			}
			eventually(t, "no node is left", func() bool { return len(nodesUnder(dir)) == 0 })
		})
	}
}

// A home whose path is longer than a socket's may be works all the same: its
// socket is elsewhere.
func TestALongHomePathWorks(t *testing.T) {
	m := newMachine(t, "edge", true)
	m.home = filepath.Join(filepath.Dir(m.home), strings.Repeat("long", 30))
	if err := os.MkdirAll(m.home, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "[mesh]\nmdns = false\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n"
	if err := os.WriteFile(filepath.Join(m.home, "config.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.verb("init")
	m.start()
	var status struct {
		Running bool   `json:"running"`
		Home    string `json:"home"`
	}
	m.document(&status, "status")
	if !status.Running || status.Home != m.home {
		t.Errorf("status on %s: %+v, want a running node there", m.home, status)
	}
	if _, err := os.Stat(filepath.Join(m.home, "api.sock")); err == nil {
		t.Errorf("a socket in a folder of %d bytes", len(m.home))
	}
	if _, diag, code := m.try("run"); code != 7 {
		t.Errorf("a second run: exit code %d, want 7\n%s", code, diag)
	}
}

func startDemo(t *testing.T, dir string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var diag bytes.Buffer
	cmd := exec.Command(program, "demo", "--dir", dir)
	cmd.Stderr = &diag
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, &diag
}

// nodesUnder lists the processes that run on homes below dir, by what their
// environment says. A process that has ended but was not yet waited for has
// none.
func nodesUnder(dir string) []string {
	var out []string
	want := []byte("DISTILLMESH_PATH=" + dir + string(filepath.Separator))
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err != nil {
			continue // it has just ended, or is not ours
		}
		for v := range bytes.SplitSeq(env, []byte{0}) {
			if bytes.HasPrefix(v, want) {
				out = append(out, filepath.Base(filepath.Dir(f)))
			}
		}
	}
	return out
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "dm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A node that is still ending may write once more.
		eventually(t, "the folder is gone", func() bool { return os.RemoveAll(dir) == nil })
	})
	return dir
}
