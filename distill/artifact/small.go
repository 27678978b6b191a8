package artifact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// SmallFile is the only file of a set in its small form: one line of JSON, then the
// stream of levels. It is for coded images with hard labels that travel without preview
// and card; what is as usual is left out.
const SmallFile = "set.dct"

// SmallBytes is the largest small form; larger sets have a manifest.
const SmallBytes = 1 << 20

// smallVersion is the version of the small form.
const smallVersion = 1

// smallDoc is the line of a small form. Fields are those of a Manifest unless explained.
type smallDoc struct {
	Version       int               `json:"set"`    // of the form
	Counts        map[string]int    `json:"counts"` // images of each class held, by its number
	Pixels        PixelType         `json:"pixels"`
	Shape         [3]int            `json:"shape"`
	Method        string            `json:"method"` // name/version
	IPC           int               `json:"ipc,omitempty"`
	Seed          uint64            `json:"seed,omitempty"`
	Settings      map[string]string `json:"settings,omitempty"`
	Engine        string            `json:"engine,omitempty"`
	Consumer      string            `json:"consumer,omitempty"`
	Recipe        json.RawMessage   `json:"recipe,omitempty"` // the augmentation of recipe.Usual, or as in a manifest
	NearestReal   float64           `json:"nearest_real"`
	Changed       *float64          `json:"changed,omitempty"`
	SmallestGroup int               `json:"smallest_group,omitempty"`
	Privacy       *Privacy          `json:"privacy,omitempty"`
	Parents       []string          `json:"parents,omitempty"`
	Licence       string            `json:"licence,omitempty"`
	Task          string            `json:"task"`
}

// hasSmallForm reports whether a set with the manifest has a small form.
func (m *Manifest) hasSmallForm() bool {
	return m.Images.DType.IsDCT() && m.Images.Labels == "hard" && m.Formation.Factor == 1
}

// usualRecipe is the recipe that the small form names by its augmentation.
func usualRecipe(augment string, images ImagesInfo) (recipe.Recipe, error) {
	r := recipe.Usual(augment, images.Shape[1], images.Shape[2])
	code, err := images.DType.Code(images.shape())
	if err == nil && code != nil {
		r.Band = code.K
	}
	return r, err
}

// small is the line of the manifest.
func (m *Manifest) small() ([]byte, error) {
	d := smallDoc{Version: smallVersion, Counts: map[string]int{}, Pixels: m.Images.DType, Shape: m.Images.Shape,
		Method: fmt.Sprintf("%s/%d", m.Method.Name, m.Method.Version), IPC: m.Method.IPC, Seed: m.Method.Seed,
		Settings: m.Method.Settings, Engine: m.Method.Engine, Consumer: m.Consumer, NearestReal: m.NearestReal,
		Changed:       m.NearestChanged,
		SmallestGroup: m.SmallestGroup,
		Privacy:       m.Privacy, Parents: m.Parents, Licence: m.Licence, Task: m.Task}
	for class, n := range m.Counts {
		if n > 0 {
			d.Counts[strconv.Itoa(class)] = n
		}
	}
	if d.IPC == usualIPC(d.Counts) {
		d.IPC = 0
	}
	if m.Recipe != nil {
		usual, err := usualRecipe(m.Recipe.Augment, m.Images)
		if err != nil {
			return nil, err
		}
		if *m.Recipe == usual {
			d.Recipe, err = json.Marshal(m.Recipe.Augment)
		} else {
			d.Recipe, err = json.Marshal((*recipeDoc)(m.Recipe))
		}
		if err != nil {
			return nil, err
		}
	}
	return canonicalJSON(d)
}

// usualIPC is the number of images per class if it is the same for all classes held.
func usualIPC(counts map[string]int) int {
	usual := 0
	for _, n := range counts {
		if usual != 0 && usual != n {
			return 0
		}
		usual = n
	}
	return usual
}

// manifest is what the line says; counts reach to the last class held.
func (d smallDoc) manifest() (m Manifest, err error) {
	name, version, ok := strings.Cut(d.Method, "/")
	number, err := strconv.Atoi(version)
	switch {
	case d.Version != smallVersion:
		return m, fmt.Errorf("version %d of the small form, this program reads %d", d.Version, smallVersion)
	case !ok || err != nil || strconv.Itoa(number) != version:
		return m, fmt.Errorf("method %q, want NAME/VERSION", d.Method)
	case d.IPC == 0:
		d.IPC = usualIPC(d.Counts)
	}
	m = Manifest{SchemaVersion: SchemaVersion, Kind: "set", Task: d.Task,
		Method: MethodInfo{Name: name, Version: number, IPC: d.IPC, Seed: d.Seed, Settings: d.Settings, Engine: d.Engine},
		Images: ImagesInfo{Shape: d.Shape, DType: d.Pixels, Labels: "hard"}, Consumer: d.Consumer,
		Formation: data.NewFormation(1), NearestReal: d.NearestReal, NearestChanged: d.Changed,
		SmallestGroup: d.SmallestGroup, Privacy: d.Privacy,
		Parents: d.Parents, Licence: d.Licence, Files: map[string]FileInfo{}}
	m.ContainsReal = containsReal(m.NearestReal, m.NearestChanged)
	if err := m.setCounts(d.Counts); err != nil {
		return m, err
	}
	if len(d.Recipe) == 0 {
		return m, nil
	}
	var augment string
	var r recipe.Recipe
	if json.Unmarshal(d.Recipe, &augment) == nil {
		r, err = usualRecipe(augment, m.Images)
	} else {
		err = json.Unmarshal(d.Recipe, (*recipeDoc)(&r))
	}
	m.Recipe = &r
	return m, err
}

// maxClasses bounds the classes that counts may name.
const maxClasses = 1 << 16

// setCounts spreads counts by the numbers of their classes.
func (m *Manifest) setCounts(counts map[string]int) error {
	for name, n := range counts {
		class, err := strconv.Atoi(name)
		if err != nil || class < 0 || class >= maxClasses || strconv.Itoa(class) != name || n < 1 ||
			n > SmallBytes*MostPerByte {
			return fmt.Errorf("%d images of class %q", n, name)
		}
		if missing := class + 1 - len(m.Counts); missing > 0 {
			m.Counts = append(m.Counts, make([]int, missing)...)
		}
		m.Counts[class] = n
		m.Images.Count += n
	}
	return nil
}

// Complete fills in what the small form leaves to the task: its name, and zeros for the
// classes behind the last one held. It fails when the task lacks a class.
func (m *Manifest) Complete(task *data.Task) error {
	m.TaskName = task.Name
	if missing := len(task.Classes) - len(m.Counts); missing > 0 {
		m.Counts = append(m.Counts, make([]int, missing)...)
	} else if missing < 0 {
		return fmt.Errorf("images of class %d, the task has %d", len(m.Counts)-1, len(task.Classes))
	}
	return nil
}

// isSmall reports whether files are of a set in its small form.
func isSmall(fsys fs.FS) bool {
	_, err := fs.Stat(fsys, SmallFile)
	return err == nil
}

// readSmall reads the small form: the manifest, without what the task says, and the
// stream behind its line.
func readSmall(fsys fs.FS) (m Manifest, stream []byte, err error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return m, nil, err
	}
	if len(entries) != 1 {
		return m, nil, fmt.Errorf("%d files beside %s", len(entries)-1, SmallFile)
	}
	content, err := readBounded(fsys, SmallFile, SmallBytes)
	if err != nil {
		return m, nil, err
	}
	end := bytes.IndexByte(content, '\n')
	if end < 0 {
		return m, nil, errors.New("no end of the first line")
	}
	var d smallDoc
	if err := decodeStrict(content[:end+1], &d); err != nil {
		return m, nil, err
	}
	if m, err = d.manifest(); err != nil {
		return m, nil, err
	}
	again, err := m.small()
	if err != nil {
		return m, nil, err
	}
	if !bytes.Equal(again, content[:end+1]) {
		return m, nil, errors.New("not in canonical form")
	}
	return m, content[end+1:], nil
}

// smallTensors are the tensors of a stream.
func smallTensors(stream []byte) []checkpoint.Tensor {
	return []checkpoint.Tensor{checkpoint.U8(codeTensor, []int{len(stream)}, slices.Clone(stream))}
}
