// Package work keeps the states from which interrupted work resumes: a
// distillation or a training has one place in the node's home, found by what was
// asked for, locked while a process works on it, and empty once the work is done.
// The content of a state is defined by its writer.
package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/train/atomicfile"
)

// maxStateBytes bounds a state that is read back.
const maxStateBytes = 4 << 30

// Kind is a kind of work that can be resumed.
type Kind struct {
	folder string // in the home
	ending string // of the states in it
}

// The kinds of work.
var (
	Distillation = Kind{"distilling", ".state"}
	Training     = Kind{"training", ".safetensors"}
)

// Place is where the state of one piece of work is. The zero Place keeps none.
type Place struct{ path string }

// At is the place of a piece of work in the folder of a home. The identity is
// everything that decides its outcome, as JSON: the same work finds the same place.
// Without a home the place keeps nothing.
func At(home string, kind Kind, identity ...any) (Place, error) {
	if home == "" {
		return Place{}, nil
	}
	key, err := json.Marshal(identity)
	if err != nil {
		return Place{}, fmt.Errorf("identity of work: %w", err)
	}
	id, err := artifact.RawCID(key)
	if err != nil {
		return Place{}, fmt.Errorf("identity of work: %w", err)
	}
	return Place{filepath.Join(home, kind.folder, id.String()+kind.ending)}, nil
}

// Begun reports whether there is a state to resume from.
func (p Place) Begun() bool {
	if p.path == "" {
		return false
	}
	_, err := os.Stat(p.path)
	return err == nil
}

// Work is a piece of work of this process. The nil Work keeps no state.
type Work struct {
	path   string
	lock   *flock.Flock
	locked bool
	busy   bool // another process does the same
}

// Begin takes a place for this process until Close. If it cannot be locked, as on a
// full disk, the work keeps its state nevertheless. If another process does the
// same work, this one keeps no state. Both are reported.
func (p Place) Begin(report api.Report) *Work {
	if p.path == "" {
		return nil
	}
	w := &Work{path: p.path, lock: flock.New(p.path + lockEnding)}
	err := os.MkdirAll(filepath.Dir(p.path), 0o700)
	if err == nil {
		w.locked, err = lockFor(w.lock)
	}
	switch {
	case err != nil:
		report.Note("other processes are not kept from the same work: %v", err)
	case w.locked:
		w.sweep()
	default:
		w.busy = true
		report.Note("another process does the same work: this one keeps no state to resume from")
	}
	return w
}

// How long Begin tries to take a lock, and how often: List holds it for a moment.
const (
	lockWait  = 100 * time.Millisecond
	lockRetry = 10 * time.Millisecond
)

// lockFor takes a lock, unless another process still holds it after lockWait.
func lockFor(lock *flock.Flock) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	taken, err := lock.TryLockContext(ctx, lockRetry)
	if errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	return taken, err
}

// lockEnding is the ending of the name of a lock file.
const lockEnding = ".lock"

// sweep removes unfinished states of killed processes.
func (w *Work) sweep() {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(w.path), "."+filepath.Base(w.path)+".*"))
	if err != nil {
		return // a home whose path is no pattern: leftovers only cost space
	}
	for _, path := range left {
		os.Remove(path)
	}
}

// Keeps reports whether states are kept.
func (w *Work) Keeps() bool { return w != nil && !w.busy }

// Path is the file of the state, for messages.
func (w *Work) Path() string { return w.path }

// Load reads the state to resume from; nil when there is none.
func (w *Work) Load() ([]byte, error) {
	if !w.Keeps() {
		return nil, nil
	}
	info, err := os.Stat(w.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxStateBytes {
		return nil, api.Fail(api.CodeFailed, "delete the file to start from the beginning",
			"%s has %d bytes", w.path, info.Size())
	}
	return os.ReadFile(w.path)
}

// Save replaces the state; a crash leaves the last one or this one.
func (w *Work) Save(state []byte) error {
	if !w.Keeps() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(w.path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(w.path, state)
}

// Done removes the state of finished work.
func (w *Work) Done() {
	if w.Keeps() {
		os.Remove(w.path) // a leftover only costs space
	}
}

// Close releases the place to other processes. The state stays, unless it is Done.
func (w *Work) Close() error {
	if w == nil || !w.locked {
		return nil
	}
	w.locked = false
	return errors.Join(os.Remove(w.lock.Path()), w.lock.Unlock())
}

// BestEffort is save, but the work continues when a state cannot be kept, which
// is reported once. When the work is being interrupted, the error is returned.
func BestEffort[State any](ctx context.Context, report api.Report, save func(State) error) func(State) error {
	told := false
	return func(s State) error {
		err := save(s)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !told {
			report.Note("cannot keep a state to resume from; the work continues: %v", err)
		}
		told = true
		return nil
	}
}
