package artifact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// SchemaVersion is the version of manifest.json and model.json.
const SchemaVersion = 1

// Names of the files in a set and in a model.
const (
	ManifestFile = "manifest.json"
	DataFile     = "data.safetensors"
	PreviewFile  = "preview.png"
	CardFile     = "README.md"
	ModelFile    = "model.json"
	WeightsFile  = "model.safetensors"
)

// Limits bound what a reader accepts.
type Limits struct {
	ManifestBytes int64 // manifest.json or model.json; default 1 MiB
	PreviewBytes  int64 // preview.png; default 4 MiB
	CardBytes     int64 // README.md; default 256 KiB
	FileBytes     int64 // any other file; default 1 GiB
	DecodedBytes  int64 // images of a code in memory, with levels and coefficients; default 1 GiB
}

func (l Limits) withDefaults() Limits {
	orElse := func(v *int64, fallback int64) {
		if *v == 0 {
			*v = fallback
		}
	}
	orElse(&l.ManifestBytes, 1<<20)
	orElse(&l.PreviewBytes, 4<<20)
	orElse(&l.CardBytes, 256<<10)
	orElse(&l.FileBytes, 1<<30)
	orElse(&l.DecodedBytes, 1<<30)
	return l
}

// MethodInfo says how a set was made.
type MethodInfo struct {
	Name     string            `json:"name"`
	Version  int               `json:"version"`
	IPC      int               `json:"ipc"`
	Seed     uint64            `json:"seed"`
	Settings map[string]string `json:"settings,omitempty"` // that differ from the defaults of that version
	// Engine is the kind of engine that computed it, where that is not the processor's: cuda, opencl.
	Engine string `json:"engine,omitempty"`
}

// ImagesInfo describes the tensors of a set.
type ImagesInfo struct {
	Count  int       `json:"count"`
	Shape  [3]int    `json:"shape"` // C, H, W as stored
	DType  PixelType `json:"dtype"`
	Labels string    `json:"labels"` // "hard" or "soft"
}

func (i ImagesInfo) shape() data.Shape {
	return data.Shape{C: i.Shape[0], H: i.Shape[1], W: i.Shape[2]}
}

// Privacy is a differential-privacy guarantee.
type Privacy struct {
	Epsilon float64 `json:"epsilon"`
	Delta   float64 `json:"delta"`
}

// FileInfo is the size and hash of one file.
type FileInfo struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Manifest is manifest.json of a set. It holds no time stamp, no score and
// nothing that depends on hardware beyond the kind of engine: the same content has the same CID.
type Manifest struct {
	SchemaVersion int            `json:"schema_version"`
	Kind          string         `json:"kind"` // "set"
	Task          string         `json:"task"` // CID
	TaskName      string         `json:"task_name"`
	Method        MethodInfo     `json:"method"`
	Images        ImagesInfo     `json:"images"`
	Counts        []int          `json:"counts"` // images per class
	Consumer      string         `json:"consumer,omitempty"`
	Recipe        *recipe.Recipe `json:"recipe,omitempty"` // recommended
	Formation     data.Formation `json:"formation"`
	ContainsReal  bool           `json:"contains_real"`
	NearestReal   float64        `json:"nearest_real"` // rounded to 4 decimals
	// NearestChanged is the same under changes of the samples, rounded to 3 decimals;
	// nil in sets of versions that did not measure it, and where NearestReal decides.
	NearestChanged *float64            `json:"nearest_changed,omitempty"`
	SmallestGroup  int                 `json:"smallest_group,omitempty"`
	Privacy        *Privacy            `json:"privacy,omitempty"`
	Parents        []string            `json:"parents,omitempty"`
	Licence        string              `json:"licence,omitempty"`
	Files          map[string]FileInfo `json:"files"`
}

// recipeDoc is a recipe as a manifest holds it: what differs from the default, or
// the optimizer where nothing does.
type recipeDoc recipe.Recipe

func (r recipeDoc) MarshalJSON() ([]byte, error) {
	parts := recipe.Recipe(r).Changed()
	if len(parts) == 0 {
		parts["optimizer"] = r.Optimizer
	}
	return json.Marshal(parts)
}

func (r *recipeDoc) UnmarshalJSON(doc []byte) error {
	recipe := recipe.Default()
	err := decodeStrict(doc, &recipe)
	*r = recipeDoc(recipe)
	return err
}

// manifestFields is a manifest without its own way to be written.
type manifestFields Manifest

// manifestDoc is how it is written.
type manifestDoc struct {
	manifestFields
	Recipe *recipeDoc `json:"recipe,omitempty"`
}

// MarshalJSON writes of a recipe what differs from the default.
func (m Manifest) MarshalJSON() ([]byte, error) {
	return json.Marshal(manifestDoc{manifestFields(m), (*recipeDoc)(m.Recipe)})
}

// UnmarshalJSON reads what MarshalJSON writes, and no field beside.
func (m *Manifest) UnmarshalJSON(doc []byte) error {
	var out manifestDoc
	if err := decodeStrict(doc, &out); err != nil {
		return err
	}
	*m = Manifest(out.manifestFields)
	m.Recipe = (*recipe.Recipe)(out.Recipe)
	return nil
}

// decodeStrict reads a document without unknown fields into v.
func decodeStrict(doc []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// canonicalJSON writes sorted keys, no spaces and a final newline.
func canonicalJSON(v any) ([]byte, error) {
	first, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(first))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err = enc.Encode(tree)
	return buf.Bytes(), err
}

// decodeJSON reads a canonical document into v: no unknown field, no other
// spelling of the same content.
func decodeJSON(doc []byte, v any) error {
	if err := decodeStrict(doc, v); err != nil {
		return err
	}
	again, err := canonicalJSON(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, doc) {
		return errors.New("not in canonical form")
	}
	return nil
}

// fileTable hashes files.
func fileTable(files Files) map[string]FileInfo {
	out := map[string]FileInfo{}
	for name, content := range files {
		sum := sha256.Sum256(content)
		out[name] = FileInfo{Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	}
	return out
}

// openBounded opens a regular file of at most so many bytes. A file of fewer bytes than it
// claims ends early, one of more is cut: either way it is not the one in a manifest.
func openBounded(fsys fs.FS, name string, most int64) (fs.File, int64, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() > most) {
		err = fmt.Errorf("%d bytes (%s), at most %d", info.Size(), info.Mode(), most)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// readBounded reads one file after checking its size.
func readBounded(fsys fs.FS, name string, most int64) ([]byte, error) {
	f, size, err := openBounded(fsys, name, most)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content := make([]byte, size)
	_, err = io.ReadFull(f, content)
	return content, err
}

// bound is how many bytes a file may have.
func (l Limits) bound(name string) int64 {
	switch name {
	case PreviewFile:
		return l.PreviewBytes
	case CardFile:
		return l.CardBytes
	}
	return l.FileBytes
}

// hashFiles checks that the files are those that a manifest lists and no others, and that
// sizes and hashes match. It holds no file whole but those that content names, and leaves
// them there.
func hashFiles(fsys fs.FS, manifest string, table map[string]FileInfo, limits Limits, content map[string][]byte) error {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return err
	}
	if len(entries) != len(table)+1 {
		return fmt.Errorf("%d files, the manifest lists %d beside itself", len(entries), len(table))
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if name == manifest {
			return fmt.Errorf("the manifest lists itself")
		}
		_, keep := content[name]
		whole, err := hashFile(fsys, name, table[name], limits.bound(name), keep)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if keep {
			content[name] = whole
		}
	}
	return nil
}

// hashFile compares one file with its entry in a manifest, and gives its content if it is
// to be kept.
func hashFile(fsys fs.FS, name string, want FileInfo, most int64, keep bool) (content []byte, err error) {
	f, size, err := openBounded(fsys, name, most)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash := sha256.New()
	var to io.Writer = hash
	var whole bytes.Buffer
	if keep && size == want.Bytes {
		whole.Grow(int(size))
		to = io.MultiWriter(hash, &whole)
	}
	n, err := io.Copy(to, io.LimitReader(f, size+1))
	if err != nil {
		return nil, err
	}
	if n != want.Bytes || hex.EncodeToString(hash.Sum(nil)) != want.SHA256 {
		return nil, fmt.Errorf("%d bytes do not match the size and hash of the manifest", n)
	}
	return whole.Bytes(), nil
}
