package work

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Kept is the stored state of one piece of work.
type Kept struct {
	Kind    Kind
	Path    string
	Bytes   int64
	Changed time.Time
}

// List lists the states in the folder of a home, by kind and name.
func List(home string) ([]Kept, error) {
	var out []Kept
	for _, kind := range []Kind{Distillation, Training} {
		dir := filepath.Join(home, kind.folder)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !isState(e.Name(), kind) {
				continue // removed meanwhile, or another file
			}
			out = append(out, Kept{kind, filepath.Join(dir, e.Name()), info.Size(), info.ModTime()})
		}
	}
	return out, nil
}

func isState(name string, kind Kind) bool {
	return !strings.HasPrefix(name, ".") && strings.HasSuffix(name, kind.ending)
}

// Remove deletes a state that no process uses; it reports whether it did.
func (k Kept) Remove() (removed bool, err error) {
	lock := flock.New(k.Path + lockEnding)
	if removed, err = lock.TryLock(); err != nil || !removed {
		return false, err
	}
	return true, errors.Join(os.Remove(k.Path), os.Remove(lock.Path()), lock.Unlock())
}
