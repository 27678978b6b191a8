package test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/distill/study"
)

// A study ended by SIGKILL, again and again, goes on from what it had done and
// prints the document of one that nobody touched, but for times.
func TestAKilledStudyGoesOnToTheSameDocument(t *testing.T) {
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	command := func(folder string) *exec.Cmd {
		cmd := exec.Command(program, "simulate", "--json", "-o", filepath.Join(dir, folder), "--seeds", "1", "--clients",
			"4", "--ring", "3",
			"--method", "gmm,dm:iterations=5,fedavg:rounds=4:steps=5", "--model", "lenet,ntk:1", "--steps", "60", "--curve",
			"3", "--no-bound")
		cmd.Env = append(os.Environ(), "DISTILLMESH_PATH="+filepath.Join(dir, "home"))
		return cmd
	}
	read := func(out []byte) []byte {
		t.Helper()
		var doc study.Document
		if err := json.Unmarshal(out, &doc); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if len(doc.Rows) != 4*2+1 { // gmm, dm, and a control of each
			t.Errorf("%d rows", len(doc.Rows))
		}
		again, err := json.Marshal(doc.WithoutTimes())
		if err != nil {
			t.Fatal(err)
		}
		return again
	}
	whole, err := command("whole").Output()
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for wait := 300 * time.Millisecond; ; wait *= 2 {
		cmd := command("killed")
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		if timer.Stop() {
			if err != nil {
				t.Fatal(err)
			}
			if got, want := read(out.Bytes()), read(whole); !bytes.Equal(got, want) {
				t.Errorf("killed %d times: %s\nwant %s", killed, got, want)
			}
			break
		}
		killed++
	}
	t.Logf("killed %d times", killed)
	if killed < 2 {
		t.Errorf("killed %d times only", killed)
	}
}
