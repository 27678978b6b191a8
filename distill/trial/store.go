package trial

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

	"github.com/distillmesh/distillmesh/train/atomicfile"
	"github.com/distillmesh/distillmesh/train/data"
)

// ErrInUse means that another process uses the folder of a store.
var ErrInUse = errors.New("another process works in this folder")

// keyVersion is incremented whenever the same parts of a key would give other results.
const keyVersion = 1

// Key identifies a stored result.
type Key struct {
	Parts []any // all that the result depends on, as JSON
	Words []any // readable words, for file names
}

var unsafeInNames = regexp.MustCompile(`[^A-Za-z0-9.=-]+`)

// longestName leaves space in a file name for its ending.
const longestName = 160

// Name is a file name without its ending: the words, as far as they fit, and a
// hash of the parts.
func (k Key) Name() (string, error) {
	doc, err := json.Marshal(append([]any{keyVersion}, k.Parts...))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(doc)
	out := ""
	for _, w := range k.Words {
		out += unsafeInNames.ReplaceAllString(fmt.Sprint(w), "-") + "."
	}
	if len(out) > longestName {
		out = out[:longestName] + "."
	}
	return out + hex.EncodeToString(sum[:6]), nil
}

// Fingerprint is a hash of samples, for keys.
func Fingerprint(s *data.Samples) string {
	h := sha256.New()
	s.Digest(h)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Store is a folder of small records in JSON. Each result is stored under the
// hash of everything that it depends on, so that interrupted work resumes and
// extended work reuses finished results:
//
//	runs/NAME.HASH.json  one result
//	.lock                held by the process that uses the folder
//
// Its owner may keep more files in runs and in other folders.
type Store struct {
	dir  string
	lock *flock.Flock
}

// runsFolder holds the records.
const runsFolder = "runs"

// Open takes a folder for this process, making it where it is missing, and
// removes what a killed process left unfinished in runs and in the named
// folders; other files are not touched. It fails with ErrInUse.
func Open(dir string, folders ...string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &Store{dir, flock.New(filepath.Join(dir, ".lock"))}
	switch ok, err := s.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	case !ok:
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	for _, folder := range append([]string{runsFolder}, folders...) {
		if err := removePartial(s.Path(folder)); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// removePartial removes the files that WriteFile had not finished.
func removePartial(folder string) error {
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.HasPrefix(e.Name(), ".") {
			err = os.Remove(path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Close lets other processes open the folder.
func (s *Store) Close() error { return s.lock.Unlock() }

// Path is a path in the store's folder.
func (s *Store) Path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

// Run is the file of the result of that name.
func (s *Store) Run(name string) string { return s.Path(runsFolder, name+".json") }

// Beside is a file of another kind next to the result of that name.
func (s *Store) Beside(name, ending string) string { return s.Path(runsFolder, name+"."+ending) }

// ReadRecord reads a file and reports whether it exists; a damaged one counts
// as missing.
func ReadRecord[T any](path string) (v T, ok bool) {
	doc, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(doc, &v) != nil {
		var none T
		return none, false
	}
	return v, true
}

// WriteRecord writes the whole record or nothing.
func WriteRecord(path string, v any) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return WriteFile(path, doc)
}

// WriteFile writes the whole file or nothing, and makes its folder.
func WriteFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(path, content)
}
