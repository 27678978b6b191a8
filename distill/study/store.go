package study

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gofrs/flock"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/federated"
)

// store is the folder of a study: what is done lies there under the hash of all
// that it depends on, so that a study that was ended goes on, and one with more
// methods or seeds begins with what there is.
//
//	runs/NAME.HASH.json    one row
//	runs/NAME.HASH.part    rounds of a federated run that is under way, and
//	runs/NAME.HASH.5.state  what the last of them resumes from
//	sets/NAME.HASH/0003/   the set of one client, and client.json
//	experts/               what trajectory matching trains on the parts
//	.lock                  held by the process that works here
type store struct{ dir string }

// ErrInUse means that another process works in the study's folder.
var ErrInUse = errors.New("another process works in this folder")

// open takes the folder for this process and removes what a process that was
// killed left half written.
func (s store) open() (*flock.Flock, error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(s.dir, ".lock"))
	switch ok, err := l.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", s.dir, err)
	case !ok:
		return nil, fmt.Errorf("%s: %w", s.dir, ErrInUse)
	}
	for _, folder := range []string{filepath.Join(s.dir, "runs"), filepath.Join(s.dir, setsFolder), s.experts()} { // ours; beside them may be anything
		err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && strings.HasPrefix(e.Name(), ".") {
				err = os.Remove(path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, l.Unlock())
		}
	}
	return l, nil
}

// version rises whenever the same plan would give other rows.
const version = 1

// hash is what a run or a set is known by.
func hash(parts ...any) (string, error) {
	doc, err := json.Marshal(append([]any{version}, parts...))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:6]), nil
}

var unsafeInNames = regexp.MustCompile(`[^A-Za-z0-9.=-]+`)

// longestName leaves room in a file name for what is added to it.
const longestName = 160

// name is a file name for people to recognise: words, as far as they fit, and a
// hash.
func name(id string, words ...any) string {
	out := ""
	for _, w := range words {
		out += unsafeInNames.ReplaceAllString(fmt.Sprint(w), "-") + "."
	}
	if len(out) > longestName {
		out = out[:longestName] + "."
	}
	return out + id
}

func (s store) run(name string) string  { return filepath.Join(s.dir, "runs", name+".json") }
func (s store) part(name string) string { return filepath.Join(s.dir, "runs", name+".part") }
func (s store) state(name string, round int) string {
	return filepath.Join(s.dir, "runs", fmt.Sprintf("%s.%d.state", name, round))
}
func (s store) set(name string, client int) string {
	return filepath.Join(s.dir, setsFolder, name, fmt.Sprintf("%04d", client))
}

// experts is where methods keep what other distillations of a part may use.
func (s store) experts() string { return filepath.Join(s.dir, "experts") }

// setsFolder holds all sets in the study's folder.
const setsFolder = "sets"

// ReadSet reads the set of one client in a study's folder, verified.
func ReadSet(dir string, task *data.Task) (*artifact.Set, error) {
	files, err := filesOf(dir)
	if err != nil {
		return nil, err
	}
	return artifact.ReadSet(files, task, artifact.Limits{})
}

// readJSON is what a file holds, and whether it is there; one that is damaged is
// not.
func readJSON[T any](path string) (v T, ok bool) {
	doc, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(doc, &v) != nil {
		var none T
		return none, false
	}
	return v, true
}

func writeJSON(path string, v any) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFile(path, doc)
}

// writeFile leaves the whole file or none.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return checkpoint.WriteFile(path, content)
}

// readIfThere is nil when there is no file.
func readIfThere(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// writeState keeps what a federated run resumes from after a round.
func (s store) writeState(name string, state federated.State) error {
	content, err := state.Encode()
	if err != nil {
		return err
	}
	return writeFile(s.state(name, state.Round), content)
}

func (s store) readState(name string, round int) (*federated.State, error) {
	content, err := os.ReadFile(s.state(name, round))
	if err != nil {
		return nil, err
	}
	state, err := federated.DecodeState(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.state(name, round), err)
	}
	return &state, nil
}

// removeIfThere does not mind when there is nothing.
func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeFolder leaves the whole folder or none.
func writeFolder(path string, files artifact.Files) error {
	partial := path + ".partial"
	if err := errors.Join(os.RemoveAll(partial), os.RemoveAll(path), os.MkdirAll(partial, 0o755)); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(partial, name), content, 0o644); err != nil {
			return err
		}
	}
	return os.Rename(partial, path)
}

// fingerprint is a hash of samples.
func fingerprint(s *data.Samples) string {
	h := sha256.New()
	s.Digest(h)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
