package work

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Kept is one piece of work with a stored state, or that a process works on.
type Kept struct {
	Kind    Kind
	Path    string // of its state
	Bytes   int64  // 0 before the first state is stored
	Changed time.Time
	Running bool // a process works on it: it was not interrupted
}

// List lists the work in the folder of a home, by kind and name: what a process works
// on, and what was interrupted. Folders that cannot be read are an error beside what
// the others hold.
func List(home string) (out []Kept, err error) {
	var errs []error
	for _, kind := range []Kind{Distillation, Training} {
		dir := filepath.Join(home, kind.folder)
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		states := map[string]bool{}
		for _, e := range entries {
			states[e.Name()] = true
		}
		for _, e := range entries {
			name, lock := strings.CutSuffix(e.Name(), lockEnding)
			if !isState(name, kind) || lock && states[name] {
				continue // another file, or the lock of a state that is listed
			}
			k := Kept{Kind: kind, Path: filepath.Join(dir, name), Running: locked(filepath.Join(dir, name))}
			info, err := e.Info()
			switch {
			case err != nil || lock && !k.Running:
				continue // removed meanwhile, or the lock of a killed process that stored nothing
			case !lock:
				k.Bytes = info.Size()
			}
			k.Changed = info.ModTime()
			out = append(out, k)
		}
	}
	return out, errors.Join(errs...)
}

func isState(name string, kind Kind) bool {
	return !strings.HasPrefix(name, ".") && strings.HasSuffix(name, kind.ending)
}

// locked reports whether a process works on the state at a path. It makes no file. The
// lock of a killed process is held for a moment, for which Begin waits.
func locked(path string) bool {
	lock := flock.New(path+lockEnding, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	if free {
		lock.Unlock()
	}
	return err == nil && !free
}
