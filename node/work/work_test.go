package work

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"

	"github.com/distillmesh/distillmesh/node/api"
)

func at(t *testing.T, home string, kind Kind, identity ...any) Place {
	t.Helper()
	p, err := At(home, kind, identity...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func begin(t *testing.T, p Place) *Work {
	t.Helper()
	w := p.Begin(nil)
	t.Cleanup(func() { w.Close() })
	return w
}

func save(t *testing.T, w *Work, state string) {
	t.Helper()
	if err := w.Save([]byte(state)); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, w *Work) string {
	t.Helper()
	state, err := w.Load()
	if err != nil {
		t.Fatal(err)
	}
	return string(state)
}

func TestTheSameWorkFindsItsStateAgain(t *testing.T) {
	home := t.TempDir()
	same := func() Place { return at(t, home, Training, "task", "lenet", []string{"a", "b"}, uint64(3)) }
	if same().Begun() {
		t.Error("begun before it began")
	}
	first := begin(t, same())
	if got := load(t, first); got != "" || !first.Keeps() {
		t.Errorf("a new place holds %q, keeps %t", got, first.Keeps())
	}
	save(t, first, "step 10")
	save(t, first, "step 20")
	first.Close()

	again := begin(t, same())
	if got := load(t, again); got != "step 20" || !same().Begun() {
		t.Errorf("the same work goes on from %q", got)
	}
	for name, other := range map[string]Place{
		"another seed": at(t, home, Training, "task", "lenet", []string{"a", "b"}, uint64(4)),
		"another kind": at(t, home, Distillation, "task", "lenet", []string{"a", "b"}, uint64(3)),
		"another home": at(t, t.TempDir(), Training, "task", "lenet", []string{"a", "b"}, uint64(3)),
	} {
		if other.Begun() {
			t.Errorf("%s finds a state", name)
		}
	}
	again.Done()
	again.Close()
	if left, err := os.ReadDir(filepath.Join(home, "training")); err != nil || len(left) != 0 {
		t.Errorf("done work left %v, %v", left, err)
	}
}

// Homes of earlier versions hold states under these names.
func TestPlacesKeepTheirNames(t *testing.T) {
	const id = "bafkreih6mabrdcuvyeoi2equv57bnskkmdhjsw3vkywhbqpkhyhfvu4a6y"
	for want, kind := range map[string]Kind{
		filepath.Join("home", "distilling", id+".state"):     Distillation,
		filepath.Join("home", "training", id+".safetensors"): Training,
	} {
		if got := at(t, "home", kind, "task", 1, map[string]string{"b": "2", "a": "1"}); got.path != want {
			t.Errorf("place %s, want %s", got.path, want)
		}
	}
	if _, err := At("home", Training, func() {}); err == nil {
		t.Error("an identity that is no JSON has a place")
	}
}

func TestTwoProcessesDoNotShareAState(t *testing.T) {
	p := at(t, t.TempDir(), Distillation, "same")
	first := begin(t, p)
	save(t, first, "mine")
	var notes []string
	second := p.Begin(func(p api.Progress) { notes = append(notes, p.Note) })
	if second.Keeps() || !first.Keeps() || len(notes) != 1 || !strings.Contains(notes[0], "another process") {
		t.Errorf("first keeps %t, second %t; reported %q", first.Keeps(), second.Keeps(), notes)
	}
	if got := load(t, second); got != "" {
		t.Errorf("the second goes on from the first's %q", got)
	}
	save(t, second, "theirs")
	second.Done()
	second.Close()
	if got := load(t, first); got != "mine" {
		t.Errorf("the second changed the first's state to %q", got)
	}
	first.Close()
	third := begin(t, p)
	if got := load(t, third); got != "mine" || !third.Keeps() {
		t.Errorf("after both: %q, keeps %t", got, third.Keeps())
	}
}

func TestWithoutAHomeNothingIsKept(t *testing.T) {
	p := at(t, "", Training, "x")
	w := begin(t, p)
	save(t, w, "state")
	w.Done()
	if p.Begun() || w.Keeps() || load(t, w) != "" || w.Close() != nil {
		t.Errorf("place %+v, work %+v", p, w)
	}
}

func TestAHomeThatCannotBeWrittenIsReported(t *testing.T) {
	home := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(home, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var notes []string
	w := at(t, home, Training, "x").Begin(func(p api.Progress) { notes = append(notes, p.Note) })
	if len(notes) != 1 || !w.Keeps() {
		t.Errorf("begun in a file: reported %q, keeps %t", notes, w.Keeps())
	}
	if err := w.Save(nil); err == nil {
		t.Error("saved in a file")
	}
	w.Done()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestAStateBeyondMeasureIsNotRead(t *testing.T) {
	w := begin(t, at(t, t.TempDir(), Training, "x"))
	save(t, w, "")
	if err := os.Truncate(w.Path(), maxStateBytes+1); err != nil { // sparse: takes no space
		t.Fatal(err)
	}
	_, err := w.Load()
	if d := api.Describe(err); err == nil || !strings.Contains(d.Message, "4294967297 bytes") || d.Hint == "" {
		t.Errorf("got %v", err)
	}
}

func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	p := at(t, t.TempDir(), Distillation, "x")
	w := begin(t, p)
	save(t, w, "state")
	w.Close()
	dir, base := filepath.Split(p.path)
	half, other := filepath.Join(dir, "."+base+".123"), filepath.Join(dir, ".another.state.123")
	for _, path := range []string{half, other, p.path + lockEnding} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := begin(t, p)
	if got := load(t, again); got != "state" || !again.Keeps() {
		t.Errorf("goes on from %q, keeps %t", got, again.Keeps())
	}
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a state is still there: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another's was removed: %v", err)
	}
}

func TestRunningWorkIsToldFromInterruptedWork(t *testing.T) {
	home := t.TempDir()
	if all, err := List(home); err != nil || len(all) != 0 {
		t.Errorf("a new home: %v, %v", all, err)
	}
	idle, running := begin(t, at(t, home, Distillation, "idle")), begin(t, at(t, home, Training, "running"))
	fresh := begin(t, at(t, home, Distillation, "fresh")) // has stored nothing yet
	save(t, idle, "12345")
	save(t, running, "123")
	idle.Close()
	killed := at(t, home, Training, "killed").path + lockEnding
	for _, name := range []string{killed, filepath.Join(home, "training", "training.log")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := List(home)
	if err != nil || len(all) != 3 {
		t.Fatalf("listed %+v, %v", all, err)
	}
	want := map[string]Kept{
		idle.Path():    {Kind: Distillation, Bytes: 5},
		fresh.Path():   {Kind: Distillation, Running: true},
		running.Path(): {Kind: Training, Bytes: 3, Running: true},
	}
	for _, k := range all {
		w := want[k.Path]
		if k.Kind != w.Kind || k.Bytes != w.Bytes || k.Running != w.Running || k.Changed.IsZero() {
			t.Errorf("listed %+v, want %+v", k, w)
		}
	}
	if _, err := os.Stat(idle.Path() + lockEnding); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("listing made a lock: %v", err)
	}
}

func TestAFileInPlaceOfAFolderIsReported(t *testing.T) {
	home := t.TempDir()
	idle := begin(t, at(t, home, Distillation, "idle"))
	save(t, idle, "12345")
	idle.Close()
	if err := os.WriteFile(filepath.Join(home, "training"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := List(home); err == nil || !strings.Contains(err.Error(), "training") || len(all) != 1 {
		t.Errorf("listed %+v, %v", all, err)
	}
}

// Who lists work holds the lock that a killed process left for a moment.
func TestWorkBeginsWhileAnotherProcessLists(t *testing.T) {
	p := at(t, t.TempDir(), Training, "x")
	w := begin(t, p)
	save(t, w, "state")
	w.Close()
	synctest.Test(t, func(t *testing.T) {
		looking := flock.New(p.path + lockEnding)
		if free, err := looking.TryRLock(); !free || err != nil {
			t.Fatalf("locked %t, %v", free, err)
		}
		time.AfterFunc(lockRetry/2, func() { looking.Unlock() })
		again := begin(t, p)
		if got := load(t, again); got != "state" || !again.Keeps() {
			t.Errorf("goes on from %q, keeps %t", got, again.Keeps())
		}
	})
}

// A state that cannot be kept is reported once and ends nothing, except for work
// that is interrupted: its state would be lost.
func TestWorkGoesOnWithoutAState(t *testing.T) {
	full := errors.New("no space left on device")
	ctx, cancel := context.WithCancel(t.Context())
	var notes []string
	keep := BestEffort(ctx, func(p api.Progress) { notes = append(notes, p.Note) }, func(int) error { return full })
	for step := range 3 {
		if err := keep(step); err != nil {
			t.Errorf("step %d: %v", step, err)
		}
	}
	if len(notes) != 1 {
		t.Errorf("reported %q", notes)
	}
	cancel()
	if err := keep(3); !errors.Is(err, full) {
		t.Errorf("interrupted: %v, want %v", err, full)
	}
}
