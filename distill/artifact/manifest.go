package artifact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	FileBytes     int64 // any other file; default 1 GiB
	DecodedBytes  int64 // images of a code in memory, with levels and coefficients; default 1 GiB
}

func (l Limits) withDefaults() Limits {
	if l.ManifestBytes == 0 {
		l.ManifestBytes = 1 << 20
	}
	if l.FileBytes == 0 {
		l.FileBytes = 1 << 30
	}
	if l.DecodedBytes == 0 {
		l.DecodedBytes = 1 << 30
	}
	return l
}

// MethodInfo says how a set was made.
type MethodInfo struct {
	Name     string            `json:"name"`
	Version  int               `json:"version"`
	IPC      int               `json:"ipc"`
	Seed     uint64            `json:"seed"`
	Settings map[string]string `json:"settings,omitempty"` // that differ from the defaults of that version
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
// nothing that depends on hardware: the same content has the same CID.
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

// readBounded reads one file after checking its size.
func readBounded(fsys fs.FS, name string, most int64) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%d bytes (%s), at most %d", info.Size(), info.Mode(), most)
	}
	return fs.ReadFile(fsys, name)
}

// readFiles reads the files that a manifest lists, checks that there are no
// others, and that sizes and hashes match.
func readFiles(fsys fs.FS, manifest string, table map[string]FileInfo, limits Limits) (map[string][]byte, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	if len(entries) != len(table)+1 {
		return nil, fmt.Errorf("%d files, the manifest lists %d beside itself", len(entries), len(table))
	}
	out := map[string][]byte{}
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name == manifest {
			return nil, fmt.Errorf("the manifest lists itself")
		}
		content, err := readBounded(fsys, name, limits.FileBytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		sum := sha256.Sum256(content)
		if want := table[name]; int64(len(content)) != want.Bytes || hex.EncodeToString(sum[:]) != want.SHA256 {
			return nil, fmt.Errorf("%s: %d bytes do not match the size and hash of the manifest", name, len(content))
		}
		out[name] = content
	}
	return out, nil
}
